#include "engine/vocab.h"

#include <algorithm>
#include <climits>
#include <string_view>

namespace tara {

namespace {

constexpr size_t MARK_SIZE = 1 + sizeof(uint32_t);

Tokens tokenize_plain(const Weights & weights, std::string_view text, bool add_special, bool parse_special) {
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

llama_token marked_token(std::string_view text) {
  if (text.size() < MARK_SIZE) throw Error("TARA_OPTION_INVALID", {{"option", "text"}, {"reason", "ends inside a token"}});
  uint32_t id = 0;
  for (size_t i = MARK_SIZE; i-- > 1;) id = id << 8 | static_cast<unsigned char>(text[i]);
  return static_cast<llama_token>(id);
}

constexpr std::string_view BLANKS = " \t\n\v\f\r";

// Some tokens swallow the blanks before or behind them.
std::string_view beside(const Weights & weights, std::string_view text, llama_token before, llama_token behind) {
  const auto swallows = [&](llama_token token, int attribute) { return token >= 0 && (llama_vocab_get_attr(weights.vocab, token) & attribute) != 0; };
  if (swallows(before, LLAMA_TOKEN_ATTR_RSTRIP)) text.remove_prefix(std::min(text.find_first_not_of(BLANKS), text.size()));
  if (swallows(behind, LLAMA_TOKEN_ATTR_LSTRIP)) text = text.substr(0, text.find_last_not_of(BLANKS) + 1);
  return text;
}

}  // namespace

Tokens tokenize(const Weights & weights, const std::string & text, bool add_special, bool parse_special) {
  if (text.size() > TEXT_LIMIT) {
    throw Error("TARA_OPTION_INVALID", {{"option", "text"}, {"reason", "longer than " + std::to_string(TEXT_LIMIT >> 20) + " MiB"}});
  }
  if (text.find(TOKEN_MARK) == std::string::npos) return tokenize_plain(weights, text, add_special, parse_special);
  // What the vocabulary puts around an empty text: a start token where it has one, then the rest.
  Tokens tail = add_special ? tokenize_plain(weights, {}, true, false) : Tokens();
  const bool starts = !tail.empty() && (llama_vocab_type(weights.vocab) == LLAMA_VOCAB_TYPE_WPM || llama_vocab_get_add_bos(weights.vocab));
  Tokens tokens(tail.begin(), tail.begin() + (starts ? 1 : 0));
  tail.erase(tail.begin(), tail.begin() + (starts ? 1 : 0));
  llama_token before = -1;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t mark = std::min(rest.find(TOKEN_MARK), rest.size());
    const llama_token token = mark < rest.size() ? marked_token(rest.substr(mark)) : -1;
    if (mark < rest.size()) check_tokens(weights, {token});
    const auto between = beside(weights, rest.substr(0, mark), before, token);
    if (!between.empty()) {
      const Tokens more = tokenize_plain(weights, between, false, parse_special);
      tokens.insert(tokens.end(), more.begin(), more.end());
    }
    if (mark == rest.size()) break;
    tokens.push_back(token);
    before = token;
    rest.remove_prefix(mark + MARK_SIZE);
  }
  tokens.insert(tokens.end(), tail.begin(), tail.end());
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
