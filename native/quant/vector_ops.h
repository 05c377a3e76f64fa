// Loops over float32 that the compiler vectorises for the CPU it runs on. Without contraction every width gives the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tara::quant {

// The largest |x| as float bits; 0x7f800000 and above: there is an infinity or a NaN.
uint32_t peak_bits(const float * x, int64_t n);

constexpr uint32_t INFINITY_BITS = 0x7f800000;
// 65504, the largest float16: a scale derived from values up to here is finite in every type.
constexpr uint32_t F16_MAX_BITS = 0x477fe000;

// A NaN where there is one among them.
float largest(const float * x, size_t size);

void f16_to_f32(const uint16_t * x, float * y, int64_t n);
void f32_to_f16(const float * x, uint16_t * y, int64_t n);
void bf16_to_f32(const uint16_t * x, float * y, int64_t n);
// Rounds to nearest even; NaN must have been refused before.
void f32_to_bf16(const float * x, uint16_t * y, int64_t n);

void affine(float * x, int64_t n, float scale, float offset);

}  // namespace tara::quant
