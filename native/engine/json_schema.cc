#include "engine/json_schema.h"

#include <cstdio>
#include <regex>
#include <stdexcept>

#include "common.h"
#include "env/error.h"
#include "json-schema-to-grammar.h"

// The converter prints what it cannot express and accepts any string there; here that is an error.
[[noreturn]] static int refuse_incomplete(FILE *, const char *, const char * what) { throw std::invalid_argument(what); }
#define fprintf refuse_incomplete
#include "json-schema-to-grammar.cpp"
#undef fprintf

// What the converter uses of llama.cpp's common library, which is not built.
std::string string_join(const std::vector<std::string> & values, const std::string & separator) {
  std::string joined;
  for (size_t i = 0; i < values.size(); ++i) joined += (i > 0 ? separator : "") + values[i];
  return joined;
}

std::vector<std::string> string_split(const std::string & text, const std::string & delimiter) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t at = text.find(delimiter); at != std::string::npos; at = text.find(delimiter, from)) {
    parts.push_back(text.substr(from, at - from));
    from = at + delimiter.size();
  }
  parts.push_back(text.substr(from));
  return parts;
}

std::string string_repeat(const std::string & text, size_t count) {
  std::string repeated;
  repeated.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) repeated += text;
  return repeated;
}

namespace tara {

std::string grammar_of_schema(const std::string & json) {
  try {
    return json_schema_to_grammar(common_json::parse(json), true);
  } catch (const std::exception & error) {
    std::string reason = error.what();
    for (const std::string needless : {"JSON schema conversion failed:\n", ", accepting any string"}) {
      if (const size_t at = reason.find(needless); at != std::string::npos) reason.erase(at, needless.size());
    }
    for (char & letter : reason) letter = letter == '\n' ? ' ' : letter;
    throw Error("TARA_JSON_SCHEMA_UNSUPPORTED", {{"reason", reason}});
  }
}

}  // namespace tara
