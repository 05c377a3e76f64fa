// e^x for loops that the compiler vectorises.
#pragma once

#include <cstdint>
#include <cstring>

#include "quant/clones.h"

namespace tara::quant {

constexpr float EXP_LEAST = -87;  // e^x is a normal float from here on

// e^x for x up to about 0, with a relative error of 2e-7, and 0 for what lies lower than EXP_LEAST. x = n ln 2 + r with
// |r| <= ln 2 / 2, e^r by its Taylor series, 2^n by the exponent's bits. Adding 1.5 * 2^23 rounds to n and leaves it in the low bits.
inline __attribute__((always_inline)) float exp_of(float x) {
  constexpr float MAGIC = 12582912.0f;
  constexpr float LOG2_E = 1.44269504f;
  constexpr float LN2_HIGH = 0.693145752f;  // few bits, so that n times it is exact
  constexpr float LN2_LOW = 1.42860677e-6f;
  const float shifted = x * LOG2_E + MAGIC;
  const float n = shifted - MAGIC;
  const float r = (x - n * LN2_HIGH) - n * LN2_LOW;
  const float p = 1 + r * (1 + r * (1.0f / 2 + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))))));
  uint32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + 0x3f800000u;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return where(!(x < EXP_LEAST), p * power);  // a NaN stays one
}

}  // namespace tara::quant
