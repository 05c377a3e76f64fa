// JSON Schema as a grammar, by llama.cpp's own converter.
#pragma once

#include <string>

namespace tara {

// GBNF for the texts that a schema allows. Call on a thread with a deep stack.
// Throws TARA_JSON_SCHEMA_UNSUPPORTED.
std::string grammar_of_schema(const std::string & json);

}  // namespace tara
