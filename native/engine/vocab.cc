#include "engine/vocab.h"

#include <algorithm>
#include <climits>

namespace tara {

Tokens tokenize(const Weights & weights, const std::string & text, bool add_special, bool parse_special) {
  if (text.size() > TEXT_LIMIT) {
    throw Error("TARA_OPTION_INVALID", {{"option", "text"}, {"reason", "longer than " + std::to_string(TEXT_LIMIT >> 20) + " MiB"}});
  }
  Tokens tokens(text.size() / 3 + 16);
  const auto fill = [&] {
    return llama_tokenize(weights.vocab, text.data(), static_cast<int32_t>(text.size()), tokens.data(),
                          static_cast<int32_t>(tokens.size()), add_special, parse_special);
  };
  int32_t count = fill();
  if (count == INT32_MIN) throw Error("TARA_OPTION_INVALID", {{"option", "text"}, {"reason", "too many tokens"}});
  if (count < 0) {
    tokens.resize(static_cast<size_t>(-static_cast<int64_t>(count)));
    count = fill();
  }
  tokens.resize(static_cast<size_t>(std::max(0, count)));
  return tokens;
}

std::string detokenize(const Weights & weights, const Tokens & tokens, bool special) {
  check_tokens(weights, tokens);
  std::string text(tokens.size() * 8 + 16, '\0');
  const auto fill = [&] {
    return llama_detokenize(weights.vocab, tokens.data(), static_cast<int32_t>(tokens.size()), text.data(),
                            static_cast<int32_t>(text.size()), false, special);
  };
  int32_t length = fill();
  if (length < 0) {
    text.resize(static_cast<size_t>(-static_cast<int64_t>(length)));
    length = fill();
  }
  text.resize(static_cast<size_t>(std::max(0, length)));
  return text;
}

std::string piece(const Weights & weights, llama_token token, bool special) {
  char buffer[64];
  const int32_t length = llama_token_to_piece(weights.vocab, token, buffer, sizeof(buffer), 0, special);
  if (length >= 0) return std::string(buffer, static_cast<size_t>(length));
  std::string text(static_cast<size_t>(-length), '\0');
  const int32_t written = llama_token_to_piece(weights.vocab, token, text.data(), -length, 0, special);
  text.resize(static_cast<size_t>(std::max(0, written)));
  return text;
}

void check_tokens(const Weights & weights, const Tokens & tokens) {
  const int32_t count = llama_vocab_n_tokens(weights.vocab);
  const auto outside = std::find_if(tokens.begin(), tokens.end(), [&](llama_token token) { return token < 0 || token >= count; });
  if (outside == tokens.end()) return;
  throw Error("TARA_OPTION_INVALID", {{"option", "tokens"}, {"reason", std::to_string(*outside) + " is outside the vocabulary of " + std::to_string(count)}});
}

}  // namespace tara
