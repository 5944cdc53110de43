// Included by every *_simd.c, which the build compiles once per instruction set with GK_ISA defined
// as its name. GK_NAME(x) is x with the set's name appended; a table of pointers to the
// loops is the only symbol that such a file exports, and GK_SIMD_TABLE picks one at run time.
#ifndef GK_CPU_SIMD_H
#define GK_CPU_SIMD_H

#define GK_JOIN2(a, b) a##_##b
#define GK_JOIN(a, b) GK_JOIN2(a, b)
#define GK_NAME(x) GK_JOIN(x, GK_ISA)

// The compiler must really have the set that the file's tables are named after: some compiler
// drivers drop -m flags silently.
#define GK_LEVEL_baseline 0
#define GK_LEVEL_neon 1
#define GK_LEVEL_avx2 2
#define GK_LEVEL_avx512 3
#define GK_LEVEL GK_JOIN(GK_LEVEL, GK_ISA)
#if GK_LEVEL >= 2 && !(defined(__AVX2__) && defined(__FMA__) && defined(__F16C__))
#error "compiled for AVX2 without AVX2"
#endif
#if GK_LEVEL >= 3 && !(defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) &&   \
                       defined(__AVX512DQ__) && defined(__AVX512BF16__))
#error "compiled for AVX-512 without AVX-512"
#endif

// Loops over arrays where out may be the very same view as an operand: tells the compiler that
// iterations do not depend on each other.
#if defined(__clang__)
#define GK_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")
// The same with one vector a round instead of up to four: a third less code, and as fast unless all
// operands lie in L1. For loops of which there are many.
#define GK_VECTORIZE_SMALL _Pragma("clang loop vectorize(assume_safety) interleave_count(1)")
#else
#define GK_VECTORIZE _Pragma("GCC ivdep")
#define GK_VECTORIZE_SMALL GK_VECTORIZE
#endif

#endif
