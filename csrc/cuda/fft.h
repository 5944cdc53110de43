// How lengths are transformed on CUDA: in lines of numbers that a block holds (kernels/fft.h), and
// longer ones in two or three steps of such lines.
#ifndef GK_CUDA_FFT_H
#define GK_CUDA_FFT_H

#include "../kernels/fft.h"
#include "cuda.h"

// Factors of a length, each a line's; in the order of the steps.
typedef struct gk_fft_steps {
  int count; // 1 to 3; 0: the length has a large prime factor, or is beyond all memory
  int64_t n[3];
} gk_fft_steps;

gk_fft_steps gk_fft_split(int64_t n);
// The smallest length from `least` on that Bluestein's convolution may have; 0: there is none.
int64_t gk_fft_chirp_length(int64_t least);

// Sets all that follows from n, count, the kinds, in_across, out_across: passes, tiles. Returns the
// threads of a block.
uint32_t gk_fft_plan_lines(gk_fft_lines *lines, int64_t n, int processors);

#endif
