// A few thousand of op_fuzz.c's calls with every run of the tests; scripts/sanitize.mjs runs it for
// longer, with seeds of its own.
#include "op_fuzz.c"
