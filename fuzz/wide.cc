// The kernels with AVX-512's number of lanes, compiled for any CPU: their lane logic can be checked where there is no AVX-512.
#define TARA_LANE_WIDTH 16
#define TARA_ENCODE encode_wide
#include "quant/lanes/lanes_of.inc"
