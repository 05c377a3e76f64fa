#include "quant/grids.h"

#include <algorithm>
#include <cstring>

namespace tara::quant {

namespace {

constexpr int SUPER = 256;

constexpr int8_t IQ4_LEVELS[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

float half_at(const uint8_t * bytes) {
  ggml_fp16_t half;
  std::memcpy(&half, bytes, sizeof half);
  return ggml_fp16_to_fp32(half);
}

void fill(float * to, int count, float value) { std::fill_n(to, count, value); }

// The 6-bit scale and minimum of sub-block j of q4_K and q5_K.
void scale_min(const uint8_t * scales, int j, int & scale, int & min) {
  if (j < 4) {
    scale = scales[j] & 63;
    min = scales[j + 4] & 63;
  } else {
    scale = (scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4);
    min = (scales[j + 4] >> 4) | ((scales[j] >> 6) << 4);
  }
}

// The 6-bit scale of sub-block j of q3_K.
int scale_q3_k(const uint8_t * scales, int j) {
  const int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
  return (low | (((scales[8 + j % 4] >> (2 * (j / 4))) & 3) << 4)) - 32;
}

// Two codes in a byte, half a block apart.
void put_nibbles(uint8_t * bytes, const uint8_t * codes, int columns) {
  for (int j = 0; j < columns / 2; ++j) bytes[j] = static_cast<uint8_t>((codes[j] & 15) | ((codes[j + columns / 2] & 15) << 4));
}

// The fifth bits of a block of 32.
void put_fifth_bits(uint8_t * bytes, const uint8_t * codes) {
  uint32_t bits = 0;
  for (int j = 0; j < 32; ++j) bits |= static_cast<uint32_t>(codes[j] >> 4) << j;
  std::memcpy(bytes, &bits, sizeof bits);
}

// The two lowest bits of the codes, as q2_K and q3_K have them: four runs of 32 columns in a byte.
void put_pairs(uint8_t * bytes, const uint8_t * codes) {
  for (int n = 0; n < SUPER; n += 128, bytes += 32, codes += 128) {
    for (int l = 0; l < 32; ++l) {
      bytes[l] = static_cast<uint8_t>((codes[l] & 3) | ((codes[l + 32] & 3) << 2) | ((codes[l + 64] & 3) << 4) | ((codes[l + 96] & 3) << 6));
    }
  }
}

// Bit `bit` of the codes: column 32 j + l is bit j of byte l.
void put_bits(uint8_t * bytes, const uint8_t * codes, int bit) {
  for (int l = 0; l < 32; ++l) {
    int byte = 0;
    for (int j = 0; j < 8; ++j) byte |= ((codes[32 * j + l] >> bit) & 1) << j;
    bytes[l] = static_cast<uint8_t>(byte);
  }
}

void put_q6_k(uint8_t * block, const uint8_t * codes) {
  uint8_t *low = block, *high = block + 128;
  for (int n = 0; n < SUPER; n += 128, low += 64, high += 32, codes += 128) {
    for (int l = 0; l < 32; ++l) {
      low[l] = static_cast<uint8_t>((codes[l] & 15) | ((codes[l + 64] & 15) << 4));
      low[l + 32] = static_cast<uint8_t>((codes[l + 32] & 15) | ((codes[l + 96] & 15) << 4));
      high[l] = static_cast<uint8_t>((codes[l] >> 4) | ((codes[l + 32] >> 4) << 2) | ((codes[l + 64] >> 4) << 4) | ((codes[l + 96] >> 4) << 6));
    }
  }
}

}  // namespace

Grid grid_of(ggml_type type) {
  switch (type) {
    case GGML_TYPE_Q2_K: return {4};
    case GGML_TYPE_Q3_K: return {8};
    case GGML_TYPE_Q4_0: case GGML_TYPE_Q4_1: case GGML_TYPE_Q4_K: return {16};
    case GGML_TYPE_IQ4_NL: case GGML_TYPE_IQ4_XS: return {16, IQ4_LEVELS};
    case GGML_TYPE_Q5_0: case GGML_TYPE_Q5_1: case GGML_TYPE_Q5_K: return {32};
    case GGML_TYPE_Q6_K: return {64};
    default: return {};
  }
}

void read_grid(ggml_type type, const uint8_t * block, float * step, float * base) {
  switch (type) {
    case GGML_TYPE_Q4_0: case GGML_TYPE_Q5_0: case GGML_TYPE_IQ4_NL: {
      const float d = half_at(block);
      fill(step, 32, d);
      fill(base, 32, type == GGML_TYPE_Q4_0 ? -8 * d : type == GGML_TYPE_Q5_0 ? -16 * d : 0);
      return;
    }
    case GGML_TYPE_Q4_1: case GGML_TYPE_Q5_1:
      fill(step, 32, half_at(block));
      fill(base, 32, half_at(block + 2));
      return;
    case GGML_TYPE_Q2_K: {
      const float d = half_at(block + 80), min = half_at(block + 82);
      for (int j = 0; j < 16; ++j) {
        fill(step + 16 * j, 16, d * static_cast<float>(block[j] & 15));
        fill(base + 16 * j, 16, -min * static_cast<float>(block[j] >> 4));
      }
      return;
    }
    case GGML_TYPE_Q3_K: {
      const float d = half_at(block + 108);
      for (int j = 0; j < 16; ++j) {
        const float scale = d * static_cast<float>(scale_q3_k(block + 96, j));
        fill(step + 16 * j, 16, scale);
        fill(base + 16 * j, 16, -4 * scale);
      }
      return;
    }
    case GGML_TYPE_Q4_K: case GGML_TYPE_Q5_K: {
      const float d = half_at(block), d_min = half_at(block + 2);
      for (int j = 0; j < 8; ++j) {
        int scale, min;
        scale_min(block + 4, j, scale, min);
        fill(step + 32 * j, 32, d * static_cast<float>(scale));
        fill(base + 32 * j, 32, -d_min * static_cast<float>(min));
      }
      return;
    }
    case GGML_TYPE_Q6_K: {
      const float d = half_at(block + 208);
      for (int j = 0; j < 16; ++j) {
        const float scale = d * static_cast<float>(static_cast<int8_t>(block[192 + j]));
        fill(step + 16 * j, 16, scale);
        fill(base + 16 * j, 16, -32 * scale);
      }
      return;
    }
    case GGML_TYPE_IQ4_XS: {
      const float d = half_at(block);
      const int high = block[2] | (block[3] << 8);
      for (int j = 0; j < 8; ++j) {
        const int scale = ((block[4 + j / 2] >> (4 * (j % 2))) & 15) | (((high >> (2 * j)) & 3) << 4);
        fill(step + 32 * j, 32, d * static_cast<float>(scale - 32));
        fill(base + 32 * j, 32, 0);
      }
      return;
    }
    default:
      return;
  }
}

void put_codes(ggml_type type, uint8_t * block, const uint8_t * codes) {
  switch (type) {
    case GGML_TYPE_Q4_0: case GGML_TYPE_IQ4_NL:
      return put_nibbles(block + 2, codes, 32);
    case GGML_TYPE_Q4_1:
      return put_nibbles(block + 4, codes, 32);
    case GGML_TYPE_Q5_0: case GGML_TYPE_Q5_1: {
      uint8_t * bits = block + (type == GGML_TYPE_Q5_0 ? 2 : 4);
      put_fifth_bits(bits, codes);
      return put_nibbles(bits + 4, codes, 32);
    }
    case GGML_TYPE_Q2_K:
      return put_pairs(block + 16, codes);
    case GGML_TYPE_Q3_K:
      put_bits(block, codes, 2);
      return put_pairs(block + 32, codes);
    case GGML_TYPE_Q4_K:
      for (int j = 0; j < 4; ++j) put_nibbles(block + 16 + 32 * j, codes + 64 * j, 64);
      return;
    case GGML_TYPE_Q5_K:
      put_bits(block + 16, codes, 4);
      for (int j = 0; j < 4; ++j) put_nibbles(block + 48 + 32 * j, codes + 64 * j, 64);
      return;
    case GGML_TYPE_Q6_K:
      return put_q6_k(block, codes);
    case GGML_TYPE_IQ4_XS:
      for (int j = 0; j < 8; ++j) put_nibbles(block + 8 + 16 * j, codes + 32 * j, 32);
      return;
    default:
      return;
  }
}

}  // namespace tara::quant
