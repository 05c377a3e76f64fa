// Compiled with -mavx512f and its friends; nothing here may run before the CPU was asked.
#if defined(__GNUC__) && defined(__x86_64__)
#define TARA_LANE_WIDTH 16
#define TARA_ENCODE encode_avx512
#include "quant/lanes/lanes_of.inc"
#endif
