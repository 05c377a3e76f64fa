#include "engine/grammar.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "llama-grammar.h"

namespace tara {

namespace {

// Ways to read a text that are followed at once: each costs a pass over the candidates.
constexpr size_t MOST_STACKS = 4096;
constexpr size_t MOST_ALTERNATIVES = 1u << 16;
constexpr size_t MOST_ELEMENTS = 1u << 20;

// The first rule: a letter that is accepted once, so that the matcher itself finds where `root` can begin.
constexpr char ENTRY[] = "tara-entry ::= \"x\" root\n";
constexpr uint32_t ENTRY_LETTER = 'x';

Error invalid(const std::string & reason) { return Error("TARA_GRAMMAR_INVALID", {{"reason", reason}}); }

// The parser's messages end with all that follows the place.
std::string one_line(const std::string & message) {
  constexpr size_t LONGEST = 160;
  const size_t end = std::min(message.find('\n'), LONGEST);
  return end < message.size() ? message.substr(0, end) + " …" : message;
}

bool ends(const llama_grammar_element & element) { return element.type == LLAMA_GRETYPE_END || element.type == LLAMA_GRETYPE_ALT; }

// An upper bound on the elements that the repetitions `{m,n}` make, before the parser makes them.
size_t repeated_elements(const std::string & text) {
  constexpr size_t PARSER_LIMIT = 2000;
  size_t sum = 0;
  size_t last = 1;  // elements of the item before
  for (size_t at = 0; at < text.size() && sum <= MOST_ELEMENTS; ++at) {
    const char letter = text[at];
    if (letter == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (letter == '"' || letter == '[') {
      const char end = letter == '"' ? '"' : ']';
      const size_t from = at++;
      while (at < text.size() && text[at] != end) at += text[at] == '\\' ? 2 : 1;
      last = at - from;
    } else if (letter == '{') {
      size_t most = 0;
      for (++at; at < text.size() && text[at] != '}'; ++at) {
        size_t number = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) number = std::min(number * 10 + static_cast<size_t>(text[at] - '0'), PARSER_LIMIT);
        most = std::max(most, number);
        if (at < text.size() && text[at] == '}') break;
      }
      last *= std::max<size_t>(1, most);
      sum += last;
    } else if (letter != ' ' && letter != '\t' && letter != '\n' && letter != '\r') {
      last = 1;
    }
  }
  return sum;
}

llama_grammar_rules parse(const llama_vocab * vocab, const std::string & text) {
  if (text.size() > GRAMMAR_LIMIT) throw invalid("longer than " + std::to_string(GRAMMAR_LIMIT) + " bytes");
  if (text.find('\0') != std::string::npos) throw invalid("it holds a zero byte");
  if (repeated_elements(text) > MOST_ELEMENTS) throw invalid("its repetitions make more than " + std::to_string(MOST_ELEMENTS) + " elements");
  llama_grammar_parser parser(vocab);
  const std::string whole = ENTRY + text;
  try {
    for (const char * at = whole.c_str(); *at != '\0';) at = parser.parse_rule(at);
  } catch (const std::exception & error) {
    throw invalid(one_line(error.what()));
  }
  auto & rules = parser.rules;
  for (const auto & [name, id] : parser.symbol_ids) {
    if (id >= rules.size() || rules[id].empty()) throw invalid("there is no rule " + name);
  }
  const auto & entry = rules[0];
  const bool whole_entry = entry.size() == 3 && entry[0].type == LLAMA_GRETYPE_CHAR && entry[1].type == LLAMA_GRETYPE_RULE_REF && ends(entry[2]);
  if (!whole_entry) throw invalid("the rule name tara-entry is taken");
  return std::move(rules);
}

// Which rules can be empty: the least fixed point.
std::vector<bool> nullable_rules(const llama_grammar_rules & rules) {
  std::vector<bool> nullable(rules.size(), false);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t id = 0; id < rules.size(); ++id) {
      if (nullable[id]) continue;
      bool all = true;
      for (const auto & element : rules[id]) {
        if (ends(element)) {
          if (all) break;
          all = element.type == LLAMA_GRETYPE_ALT;
        } else {
          all = all && element.type == LLAMA_GRETYPE_RULE_REF && nullable[element.value];
        }
      }
      if (all) changed = nullable[id] = true;
    }
  }
  return nullable;
}

// The rules that a rule's text can begin with, once for each way.
std::vector<uint32_t> beginnings(const llama_grammar_rule & rule, const std::vector<bool> & nullable) {
  std::vector<uint32_t> found;
  bool beginning = true;
  for (const auto & element : rule) {
    if (ends(element)) {
      beginning = true;
    } else if (beginning) {
      if (element.type == LLAMA_GRETYPE_RULE_REF) found.push_back(element.value);
      beginning = element.type == LLAMA_GRETYPE_RULE_REF && nullable[element.value];
    }
  }
  return found;
}

size_t alternatives(const llama_grammar_rule & rule) {
  return static_cast<size_t>(std::count_if(rule.begin(), rule.end(), [](const auto & element) { return ends(element); }));
}

// Depth first without recursion: a rule whose beginnings come back to it could be expanded without end, and the number of
// ways to begin bounds what the matcher holds at one place.
void check_beginnings(const llama_grammar_rules & rules) {
  const auto nullable = nullable_rules(rules);
  enum class State : uint8_t { fresh, open, done };
  std::vector<State> states(rules.size(), State::fresh);
  std::vector<size_t> ways(rules.size(), 0);
  struct Visit {
    uint32_t rule;
    std::vector<uint32_t> begins;
    size_t next;
  };
  for (uint32_t start = 0; start < rules.size(); ++start) {
    if (states[start] != State::fresh) continue;
    std::vector<Visit> path;
    const auto enter = [&](uint32_t rule) {
      states[rule] = State::open;
      path.push_back({rule, beginnings(rules[rule], nullable), 0});
    };
    enter(start);
    while (!path.empty()) {
      auto & visit = path.back();
      if (visit.next < visit.begins.size()) {
        const uint32_t rule = visit.begins[visit.next++];
        if (states[rule] == State::open) throw invalid("a rule begins with itself (left recursion)");
        if (states[rule] == State::fresh) enter(rule);
        continue;
      }
      size_t sum = alternatives(rules[visit.rule]);
      for (const uint32_t rule : visit.begins) sum = std::min(sum + ways[rule], MOST_ALTERNATIVES + 1);
      if (sum > MOST_ALTERNATIVES) throw invalid("a rule can begin in more than " + std::to_string(MOST_ALTERNATIVES) + " ways");
      ways[visit.rule] = sum;
      states[visit.rule] = State::done;
      path.pop_back();
    }
  }
}

}  // namespace

Grammar::Grammar(const Weights & weights, const std::string & text) : vocab_(weights.vocab) {
  auto rules = parse(vocab_, text);
  check_beginnings(rules);
  // As llama_grammar_init_impl makes one; moving keeps the elements that stacks point to.
  grammar_.reset(new llama_grammar{vocab_, std::move(rules), {}, {}, false, false, "", {}, {}, {}});
  grammar_->stacks.push_back({grammar_->rules[0].data()});
  llama_grammar_accept(grammar_.get(), ENTRY_LETTER);
}

Grammar::~Grammar() = default;

bool Grammar::complete() const {
  const auto & stacks = grammar_->stacks;
  return grammar_->partial_utf8.n_remain == 0 && std::any_of(stacks.begin(), stacks.end(), [](const auto & stack) { return stack.empty(); });
}

void Grammar::restrict(llama_token_data_array & candidates) const {
  llama_grammar_apply_impl(*grammar_, &candidates);
  // The matcher lets a text end within a character.
  if (complete() || grammar_->partial_utf8.n_remain == 0) return;
  for (size_t i = 0; i < candidates.size; ++i) {
    if (llama_vocab_is_eog(vocab_, candidates.data[i].id)) candidates.data[i].logit = -std::numeric_limits<float>::infinity();
  }
}

bool Grammar::allows(llama_token token) const {
  llama_token_data single{token, 1.0f, 0.0f};
  llama_token_data_array array{&single, 1, -1, false};
  restrict(array);
  return single.logit != -std::numeric_limits<float>::infinity();
}

void Grammar::accept(llama_token token) {
  if (llama_vocab_is_eog(vocab_, token)) {
    if (!complete()) throw invalid("the text ended before it was complete");
    return;
  }
  try {
    llama_grammar_accept_impl(*grammar_, token);
  } catch (const std::exception & error) {
    throw invalid(one_line(error.what()));
  }
  if (grammar_->stacks.size() > MOST_STACKS) throw invalid("what was written can be read in more than " + std::to_string(MOST_STACKS) + " ways");
}

}  // namespace tara
