// Quantization kernels that make ggml's bytes several times faster: LANES independent blocks at once, one in each lane.
// docs/quantize-kernels.md explains them.
#pragma once

#include <cstdint>

#include "ggml.h"

namespace tara::quant {

enum class Isa { ggml, baseline, avx2, avx512 };
constexpr struct { const char * name; Isa isa; } ISA_NAMES[] = {{"ggml", Isa::ggml}, {"baseline", Isa::baseline}, {"avx2", Isa::avx2}, {"avx512", Isa::avx512}};

// The best that this CPU runs; TARA_ISA (ggml, baseline, avx2, avx512) asks for less.
Isa best_isa();
bool isa_runs_here(Isa isa);

// Rows of float32 to `type`, as ggml_quantize_chunk makes them. `weights` are the importance of each column, or null.
// False: this type has no kernel, `to` is untouched. Any value may occur among the floats.
bool encode_lanes(Isa isa, ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights);

// One for each instruction set; baseline is SSE2 on x86-64 and NEON on 64-bit Arm.
bool encode_baseline(ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights);
bool encode_avx2(ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights);
bool encode_avx512(ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights);

}  // namespace tara::quant
