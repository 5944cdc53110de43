// Which instruction set the kernels use: chosen once, when the library is loaded, so that
// every later reader sees the same one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const names[GK_ISA_COUNT] = {"baseline", "avx2", "avx512", "neon"};

gk_isa gk_cpu_isa;
static char problem[160];

const char *gk_cpu_isa_name(gk_isa isa) { return (unsigned)isa < GK_ISA_COUNT ? names[isa] : "?"; }

const char *gk_cpu_isa_problem(void) { return problem[0] ? problem : NULL; }

#if defined(__x86_64__)

// The registers that the operating system saves: XCR0.
static unsigned saved_registers(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool has(unsigned value, unsigned bits) { return (value & bits) == bits; }

// Exactly what build.zig compiles each set for.
static gk_isa best_isa(void) {
  enum { EAX, EBX, ECX, EDX };
  unsigned leaf1[4] = {0}, leaf7[4] = {0}, leaf7_1[4] = {0}, extended[4] = {0};
  __get_cpuid(1, &leaf1[EAX], &leaf1[EBX], &leaf1[ECX], &leaf1[EDX]);
  if (!has(leaf1[ECX], bit_OSXSAVE)) return GK_ISA_BASELINE;
  __get_cpuid_count(7, 0, &leaf7[EAX], &leaf7[EBX], &leaf7[ECX], &leaf7[EDX]);
  if (leaf7[EAX] >= 1)
    __get_cpuid_count(7, 1, &leaf7_1[EAX], &leaf7_1[EBX], &leaf7_1[ECX], &leaf7_1[EDX]);
  __get_cpuid(0x80000001, &extended[EAX], &extended[EBX], &extended[ECX], &extended[EDX]);
  unsigned saved = saved_registers();

  const unsigned ymm = 0x06, zmm = 0xe6, lzcnt = 1u << 5, avx512_bf16 = 1u << 5;
  const unsigned vbmi = 1u << 1, vbmi2 = 1u << 6, vnni = 1u << 11;
  if (!has(saved, ymm) || !has(leaf1[ECX], bit_FMA | bit_F16C | bit_POPCNT | bit_AVX) ||
      !has(leaf7[EBX], bit_AVX2 | bit_BMI | bit_BMI2) || !has(extended[ECX], lzcnt))
    return GK_ISA_BASELINE;
  if (!has(saved, zmm) ||
      !has(leaf7[EBX], bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL) ||
      !has(leaf7[ECX], vbmi | vbmi2 | vnni) || !has(leaf7_1[EAX], avx512_bf16))
    return GK_ISA_AVX2;
  return GK_ISA_AVX512;
}

static bool available(gk_isa isa, gk_isa best) {
  return isa <= best; // each set includes the ones before it
}

#else

static gk_isa best_isa(void) { return GK_ISA_NEON; }

static bool available(gk_isa isa, gk_isa best) { return isa == best; }

#endif

__attribute__((constructor)) void gk_cpu_isa_initialize(void) {
  static bool done; // first set at load, before there is a second thread
  if (done) return;
  done = true;
  gk_isa best = best_isa();
  gk_cpu_isa = best;
  const char *wanted = getenv("GPUKIT_CPU_ISA");
  if (!wanted || !*wanted) return;
  for (int i = 0; i < GK_ISA_COUNT; i++) {
    if (strcmp(wanted, names[i]) != 0) continue;
    if (available((gk_isa)i, best))
      gk_cpu_isa = (gk_isa)i;
    else
      snprintf(problem, sizeof problem, "GPUKIT_CPU_ISA=%s: this machine has no %s", wanted,
               wanted);
    return;
  }
  snprintf(problem, sizeof problem,
           "GPUKIT_CPU_ISA=%.40s is not one of baseline, avx2, avx512, neon", wanted);
}
