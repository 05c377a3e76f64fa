// What the room's jobs read of their parameters and blobs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/runner.h"
#include "engine/vocab.h"

namespace tara::measure {

Error refuse(const std::string & reason);

// A count within bounds. Throws TARA_INTERNAL.
size_t whole(const Json & params, const char * key, size_t low, size_t high);

// Throws TARA_DISPOSED.
std::shared_ptr<Runner> runner_of(Environment & environment, const Json & params);

// Texts from their lengths in tokens and all tokens in a row. Throws TARA_PROMPT_EMPTY for none.
std::vector<Tokens> texts_of(const Json & lengths, const Blob & blob);

// Numbers as a safetensors or GGUF file has them: F64, F32, F16 or BF16. Throws TARA_INTERNAL for another type or size.
std::vector<float> floats_of(const std::string & dtype, const Blob & blob, size_t count);

}  // namespace tara::measure
