// The same without one function.
#define LACKING
#include "nvrtc_library.c"
