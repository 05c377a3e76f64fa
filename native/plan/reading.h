// Rows of source tensors, as bytes and as float32.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/files.h"
#include "plan/lowered.h"

namespace tara::plan {

// A stretch of wanted rows that lie in one part; its rows are relative to it.
struct Stretch {
  const Span * part;
  int64_t first;
  int64_t count;
};

// The bytes of a tensor's source rows, parts in turn, in scratch.raw; `rows` become relative to their parts.
// Gives the stretches that tell the types.
std::vector<Stretch> read_raw(const Tensor & tensor, Files & files, Scratch & scratch, std::vector<int64_t> & rows);
void decode_raw(const std::vector<Stretch> & stretches, const uint8_t * raw, float * values);

// Rows of a tensor besides the plan tensor's parts. Throws TARA_TENSOR_NOT_FINITE with its name.
void read_other(const Span & span, Files & files, Scratch & scratch, const int64_t * rows, int64_t count, float * into);
// All of it.
std::vector<float> read_whole(const Span & span, Files & files);

}  // namespace tara::plan
