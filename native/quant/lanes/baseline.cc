// Compiled with the compiler's own instruction set: SSE2 on x86-64, NEON on 64-bit Arm.
#if defined(__GNUC__)
#define TARA_LANE_WIDTH 4
#define TARA_ENCODE encode_baseline
#include "quant/lanes/lanes_of.inc"
#endif
