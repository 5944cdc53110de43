// A kernel's parameters, from the name that the compiler gives a template of its type (Itanium C++ ABI, "Mangling").
#ifndef GK_CUDA_SIGNATURE_H
#define GK_CUDA_SIGNATURE_H

#include "../core/module.h"

// The parameters of `void (T, U...)` in the mangled name of gpukit_signature<decltype(&kernel)>, or of a kernel
// that is a mangled function, written to `parameters` (room for GK_MAX_ARGUMENTS). Their number, or
// -1 where the name tells none. Sizes of structs are left 0: the driver knows them.
int gk_signature_parse(const char *mangled, gk_parameter *parameters);

#endif
