// Mangled names by chance: real ones with parts changed, moved and repeated, and letters that mean something.
// Nothing is read or written out of bounds (AddressSanitizer), it ends, and what it tells makes sense.
//
//   signature_fuzz [--iterations N] [--seed S]     (200000 and 1)
#include "test.h"

#include "../../csrc/cuda/signature.h"

static const char *const seeds[] = {
    "_Z16gpukit_signatureIPFvPPfPKPKfPvPKvPViPVKiS0_PKdEEvv",
    "_Z16gpukit_signatureIPFvN2my6ParamsEPKS1_NS0_3VecIfLi4EEEPNS4_IS1_Li2EEENS0_4ModeE1UEEvv",
    "_Z16gpukit_signatureIPFvN2my3LitILb1ELj3ELxn5ELc120EEENS0_5TupleIJifNS3_IJEEEEEEPS5_EEvv",
    "_Z16gpukit_signatureIPFvPFvfiEPFiPKfEMN2my6ParamsEfPFvvEPA3_A5_KiEEvv",
    "_ZN2my9templatedINS_6ParamsEEEvPT_PKS2_S2_NS_3VecIS2_Li3EEE",
    "_Z3addSt7complexIfEPKS0_6__halfPS3_RKfOfDF16_u3abcUt_",
};
static const char *const words[] = {"P",  "K",   "F",   "E",   "N",    "I",    "J", "L",
                                    "S_", "S0_", "T_",  "St",  "A3_",  "R",    "M", "v",
                                    "f",  "1a",  "2ab", "Ut_", "Lb1E", "DoF",  "V", "r",
                                    "X",  "B1a", "Z",   "_",   "9",    "DF16_"};

static void change(char *text, size_t room) {
  size_t n = strlen(text), at = (size_t)test_below((int64_t)n + 1);
  switch (test_below(5)) {
  case 0: // another letter
    if (at < n) text[at] = (char)(1 + test_below(126));
    break;
  case 1: // less
    memmove(text + at, text + at + (size_t)test_below((int64_t)(n - at) + 1), 1);
    text[at] = 0;
    break;
  case 2: { // a word more
    const char *word = words[test_below(sizeof words / sizeof *words)];
    size_t length = strlen(word);
    if (n + length + 1 > room) break;
    memmove(text + at + length, text + at, n - at + 1);
    memcpy(text + at, word, length);
    break;
  }
  case 3: { // a part once more
    size_t length = (size_t)test_below((int64_t)(n - at) + 1);
    if (n + length + 1 > room) break;
    memmove(text + at + length, text + at, n - at + 1);
    break;
  }
  default: { // a part of another name
    const char *other = seeds[test_below(sizeof seeds / sizeof *seeds)];
    size_t from = (size_t)test_below((int64_t)strlen(other)), length = strlen(other) - from;
    if (at + length + 1 <= room) memcpy(text + at, other + from, length + 1);
  }
  }
}

int main(int argc, char **argv) {
  int64_t iterations = 200000, understood = 0;
  if (!test_arguments(argc, argv, &iterations)) return 2;
  for (int64_t i = 0; i < iterations; i++) {
    // Exactly as long as it is, so that a byte too far is found.
    static char text[600];
    strcpy(text, seeds[test_below(sizeof seeds / sizeof *seeds)]);
    for (int64_t changes = test_below(6); changes >= 0; changes--) change(text, sizeof text);
    char *exact = malloc(strlen(text) + 1);
    gk_parameter *parameters = malloc(GK_MAX_ARGUMENTS * sizeof *parameters);
    strcpy(exact, text);
    int count = gk_signature_parse(exact, parameters);
    CHECKF(count >= -1 && count <= GK_MAX_ARGUMENTS, "iteration %lld: %d of %s", (long long)i,
           count, text);
    for (int k = 0; k < count; k++) {
      const gk_parameter *p = &parameters[k];
      CHECKF(p->kind <= GK_PARAMETER_STRUCT && p->dtype < GK_DTYPE_COUNT &&
                 memchr(p->type, 0, sizeof p->type) && *p->type,
             "iteration %lld: parameter %d of %s", (long long)i, k, text);
    }
    understood += count >= 0;
    free(parameters);
    free(exact);
  }
  printf("%lld of %lld understood\n", (long long)understood, (long long)iterations);
  return test_done();
}
