// Compiled with -mavx2; nothing here may run before the CPU was asked.
#if defined(__GNUC__) && defined(__x86_64__)
#define TARA_LANE_WIDTH 8
#define TARA_ENCODE encode_avx2
#include "quant/lanes/lanes_of.inc"
#endif
