// float32 rows to and from every ggml type. Kernels of our own take the place of ggml's here, and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ggml.h"

namespace tara::quant {

// A type that decode can turn into float32.
bool can_decode(ggml_type type);
// A type that encode can write; some only with importance.
bool can_encode(ggml_type type, bool with_importance);
// Builds the tables of a type; once, before workers start.
void prepare(ggml_type type);

// n is a multiple of the type's block.
void decode(ggml_type type, const void * from, float * to, int64_t n);

enum class Encoded { ok, out_of_range };

// Rows of `cols` finite values; `weights` are the finite importance of each column, or null. out_of_range: the type cannot hold
// them (a scale or value overflows), `to` is then garbage.
// `scratch` holds at least cols values and is used only when values above 65504 occur.
Encoded encode(ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights, uint32_t peak, float * scratch);

}  // namespace tara::quant
