#include "quant/codec.h"

#include <cstring>

#include "quant/lanes/kernels.h"
#include "quant/vector_ops.h"

namespace tara::quant {

namespace {

// 2^66: importance up to here times squares of float16 values sums to less than float32 holds.
constexpr uint32_t MODERATE_BITS = 0x60800000;

}  // namespace

bool can_decode(ggml_type type) {
  return type == GGML_TYPE_F64 || type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr;
}

bool can_encode(ggml_type type, bool with_importance) {
  switch (type) {
    case GGML_TYPE_F32: case GGML_TYPE_F16: case GGML_TYPE_BF16:
    case GGML_TYPE_Q4_0: case GGML_TYPE_Q4_1: case GGML_TYPE_Q5_0: case GGML_TYPE_Q5_1: case GGML_TYPE_Q8_0:
    case GGML_TYPE_Q1_0: case GGML_TYPE_Q2_0: case GGML_TYPE_MXFP4: case GGML_TYPE_NVFP4:
    case GGML_TYPE_Q2_K: case GGML_TYPE_Q3_K: case GGML_TYPE_Q4_K: case GGML_TYPE_Q5_K: case GGML_TYPE_Q6_K:
    case GGML_TYPE_TQ1_0: case GGML_TYPE_TQ2_0: case GGML_TYPE_IQ4_NL: case GGML_TYPE_IQ4_XS: case GGML_TYPE_IQ3_S:
      return true;
    case GGML_TYPE_IQ1_S: case GGML_TYPE_IQ1_M: case GGML_TYPE_IQ2_XXS: case GGML_TYPE_IQ2_XS: case GGML_TYPE_IQ2_S: case GGML_TYPE_IQ3_XXS:
      return with_importance;
    default:
      return false;
  }
}

void prepare(ggml_type type) { ggml_quantize_init(type); }

void decode(ggml_type type, const void * from, float * to, int64_t n) {
  switch (type) {
    case GGML_TYPE_F32:
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
      return;
    case GGML_TYPE_F16:
      f16_to_f32(static_cast<const uint16_t *>(from), to, n);
      return;
    case GGML_TYPE_BF16:
      bf16_to_f32(static_cast<const uint16_t *>(from), to, n);
      return;
    case GGML_TYPE_F64: {
      const auto * bytes = static_cast<const char *>(from);
      for (int64_t i = 0; i < n; ++i) {
        double value;
        std::memcpy(&value, bytes + i * sizeof value, sizeof value);
        to[i] = static_cast<float>(value);
      }
      return;
    }
    default:
      ggml_get_type_traits(type)->to_float(from, to, n);
  }
}

Encoded encode(ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights, uint32_t peak, float * scratch) {
  const int64_t n = rows * cols;
  switch (type) {
    case GGML_TYPE_F32:
      std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
      return Encoded::ok;
    case GGML_TYPE_F16:
      f32_to_f16(from, static_cast<uint16_t *>(to), n);
      break;
    case GGML_TYPE_BF16:
      f32_to_bf16(from, static_cast<uint16_t *>(to), n);
      break;
    case GGML_TYPE_IQ1_S: case GGML_TYPE_IQ1_M: case GGML_TYPE_IQ2_XXS: case GGML_TYPE_IQ2_XS: case GGML_TYPE_IQ2_S:
    case GGML_TYPE_IQ3_XXS: case GGML_TYPE_IQ3_S:
      // Their grid searches abort the process when squares overflow.
      if (peak > F16_MAX_BITS || (weights && peak_bits(weights, cols) > MODERATE_BITS)) return Encoded::out_of_range;
      [[fallthrough]];
    default:
      if (!encode_lanes(best_isa(), type, from, to, rows, cols, weights)) ggml_quantize_chunk(type, from, to, 0, rows, cols, weights);
  }
  // Importance may overflow on its way to a scale whatever the values are.
  if (weights && !ggml_validate_row_data(type, to, static_cast<size_t>(rows) * ggml_row_size(type, cols))) return Encoded::out_of_range;
  if (peak <= F16_MAX_BITS) return Encoded::ok;
  const size_t row_bytes = ggml_row_size(type, cols);
  for (int64_t row = 0; row < rows; ++row) {
    decode(type, static_cast<const char *>(to) + row * row_bytes, scratch, cols);
    if (peak_bits(scratch, cols) >= INFINITY_BITS) return Encoded::out_of_range;
  }
  return Encoded::ok;
}

}  // namespace tara::quant
