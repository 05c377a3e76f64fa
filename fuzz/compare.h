// The kernels' bytes against ggml's, whatever the rows.
#pragma once

#include <cstdint>
#include <vector>

#include "ggml.h"

namespace tara::quant {

// Types that have kernels.
constexpr ggml_type KERNEL_TYPES[] = {
    GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0, GGML_TYPE_Q2_K,
    GGML_TYPE_Q3_K, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS,
};

struct Rows {
  ggml_type type;
  int64_t cols;
  std::vector<float> values;
  std::vector<float> importance;  // of each column, or none
};

// ggml's bytes. Says where those of an instruction set that runs here differ, and aborts.
std::vector<uint8_t> compare(const Rows & rows);

}  // namespace tara::quant
