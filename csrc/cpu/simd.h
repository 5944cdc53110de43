// Included by every *_simd.c, which the build compiles once per instruction set with GK_ISA defined
// as its name. GK_NAME(x) is x with the set's name appended; a table of pointers to the
// loops is the only symbol that such a file exports, and GK_SIMD_TABLE picks one at run time.
#ifndef GK_CPU_SIMD_H
#define GK_CPU_SIMD_H

#define GK_JOIN2(a, b) a##_##b
#define GK_JOIN(a, b) GK_JOIN2(a, b)
#define GK_NAME(x) GK_JOIN(x, GK_ISA)

// Loops over arrays where out may be the very same view as an operand: tells the compiler that
// iterations do not depend on each other.
#if defined(__clang__)
#define GK_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")
#else
#define GK_VECTORIZE _Pragma("GCC ivdep")
#endif

#endif
