// A GBNF grammar and how far a text has come in it, over llama.cpp's parser and matcher, with the checks they leave out.
#pragma once

#include <memory>
#include <string>

#include "engine/weights.h"

struct llama_grammar;

namespace tara {

// Longest grammar, in bytes; the parser recurses for each parenthesis.
constexpr size_t GRAMMAR_LIMIT = 1u << 20;

class Grammar {
 public:
  // Call on a thread with a deep stack. Throws TARA_GRAMMAR_INVALID: for text that does not parse, left recursion
  // (llama.cpp finds only the plain kind, in exponential time), and too many alternatives at one place.
  Grammar(const Weights & weights, const std::string & text);
  ~Grammar();
  Grammar(const Grammar &) = delete;

  // Whether the text may end here.
  bool complete() const;
  bool allows(llama_token token) const;
  // Sets the logits of tokens that cannot follow to -infinity.
  void restrict(llama_token_data_array & candidates) const;
  // Throws TARA_GRAMMAR_INVALID for a token that cannot follow, or when the text can be read in too many ways.
  void accept(llama_token token);

 private:
  const llama_vocab * vocab_;
  std::unique_ptr<llama_grammar> grammar_;
};

}  // namespace tara
