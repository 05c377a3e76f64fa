// Text to tokens and back, with the checks that llama.cpp leaves to its caller.
#pragma once

#include <string>
#include <vector>

#include "engine/weights.h"

namespace tara {

using Tokens = std::vector<llama_token>;

// Longest text taken, in bytes.
constexpr size_t TEXT_LIMIT = 64u << 20;

// No byte of UTF-8: it and the four bytes after it, little-endian, stand for a token inside a text.
constexpr char TOKEN_MARK = '\xff';

// `parse_special`: llama.cpp looks for control tokens in what lies between the marked ones.
// Call on a thread with a deep stack: some vocabularies split text by std::regex, which recurses for each character.
// Throws TARA_OPTION_INVALID for a text over TEXT_LIMIT, or an unfinished or unknown token in it.
Tokens tokenize(const Weights & weights, const std::string & text, bool add_special, bool parse_special);

// `special`: write control tokens as text. The bytes may be no whole UTF-8.
std::string detokenize(const Weights & weights, const Tokens & tokens, bool special);
std::string piece(const Weights & weights, llama_token token, bool special);

// Throws TARA_OPTION_INVALID for an id outside the vocabulary.
void check_tokens(const Weights & weights, const Tokens & tokens);

}  // namespace tara
