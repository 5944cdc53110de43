// Compares csrc/cuda/driver.h with the CUDA compiler's own cuda.h: values, layouts and signatures. It is
// compiled and never run (scripts/kernels.mjs --driver).
//
// driver.h has int for each enum of cuda.h and void for a few opaque structs, which are passed alike.

#define __CUDA_API_VERSION_INTERNAL // declares each version of a function under its own name
#include <cuda.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <type_traits>

// These are macros there, and enumerators from here on.
enum {
  hostalloc_portable = CU_MEMHOSTALLOC_PORTABLE,
  hostalloc_devicemap = CU_MEMHOSTALLOC_DEVICEMAP,
  hostregister_portable = CU_MEMHOSTREGISTER_PORTABLE,
};
#undef CU_MEMHOSTALLOC_PORTABLE
#undef CU_MEMHOSTALLOC_DEVICEMAP
#undef CU_MEMHOSTREGISTER_PORTABLE
enum {
  CU_MEMHOSTALLOC_PORTABLE = hostalloc_portable,
  CU_MEMHOSTALLOC_DEVICEMAP = hostalloc_devicemap,
  CU_MEMHOSTREGISTER_PORTABLE = hostregister_portable,
};

namespace gk {
#include "../csrc/cuda/driver.h"
} // namespace gk

#define RESULT(name, value) static_assert(int(::name) == value, #name);
GK_CUDA_RESULTS(RESULT)
#define CONSTANT(name, value) static_assert(int(::name) == value, #name);
GK_CUDA_CONSTANTS(CONSTANT)

#define SIZE(name) static_assert(sizeof(gk::name) == sizeof(::name), #name)
#define FIELD(type, name)                                                                          \
  static_assert(offsetof(gk::type, name) == offsetof(::type, name) &&                              \
                    sizeof(gk::type::name) == sizeof(::type::name),                                \
                #type "." #name)
SIZE(CUuuid);
SIZE(CUmemLocation);
FIELD(CUmemLocation, type);
FIELD(CUmemLocation, id);
SIZE(CUmemAccessDesc);
FIELD(CUmemAccessDesc, location);
FIELD(CUmemAccessDesc, flags);
SIZE(CUmemPoolProps);
FIELD(CUmemPoolProps, allocType);
FIELD(CUmemPoolProps, handleTypes);
FIELD(CUmemPoolProps, location);
FIELD(CUmemPoolProps, win32SecurityAttributes);
FIELD(CUmemPoolProps, maxSize);
FIELD(CUmemPoolProps, usage);
FIELD(CUmemPoolProps, gpuDirectRDMACapable);
FIELD(CUmemPoolProps, reserved);
SIZE(CUDA_KERNEL_NODE_PARAMS);
FIELD(CUDA_KERNEL_NODE_PARAMS, func);
FIELD(CUDA_KERNEL_NODE_PARAMS, gridDimX);
FIELD(CUDA_KERNEL_NODE_PARAMS, gridDimY);
FIELD(CUDA_KERNEL_NODE_PARAMS, gridDimZ);
FIELD(CUDA_KERNEL_NODE_PARAMS, blockDimX);
FIELD(CUDA_KERNEL_NODE_PARAMS, blockDimY);
FIELD(CUDA_KERNEL_NODE_PARAMS, blockDimZ);
FIELD(CUDA_KERNEL_NODE_PARAMS, sharedMemBytes);
FIELD(CUDA_KERNEL_NODE_PARAMS, kernelParams);
FIELD(CUDA_KERNEL_NODE_PARAMS, extra);
FIELD(CUDA_KERNEL_NODE_PARAMS, kern);
FIELD(CUDA_KERNEL_NODE_PARAMS, ctx);

template <typename T> constexpr bool is_number = std::is_integral_v<T> || std::is_enum_v<T>;

// Is a value of one type passed and read as one of the other?
template <typename Ours, typename Theirs> constexpr bool alike() {
  using A = std::remove_cv_t<Ours>;
  using B = std::remove_cv_t<Theirs>;
  if constexpr (std::is_same_v<A, B>)
    return true;
  else if constexpr (is_number<A> && is_number<B>)
    return sizeof(A) == sizeof(B);
  else if constexpr (std::is_pointer_v<A> && std::is_pointer_v<B>) {
    using P = std::remove_pointer_t<A>;
    using Q = std::remove_pointer_t<B>;
    if constexpr (std::is_const_v<P> != std::is_const_v<Q>)
      return false;
    else if constexpr (std::is_void_v<P>)
      return std::is_class_v<Q>; // opaque here
    else if constexpr (std::is_class_v<P> && std::is_class_v<Q>) {
      // Structs of the same name, compared above; an opaque one has no size.
      return requires { sizeof(P) == sizeof(Q); } && sizeof(P) == sizeof(Q);
    } else
      return alike<P, Q>();
  } else
    return false;
}

template <typename Ours, typename Theirs> struct same_function : std::false_type {};
template <typename R, typename... P, typename S, typename... Q>
struct same_function<R (*)(P...), S (*)(Q...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(P) != sizeof...(Q))
      return false;
    else
      return alike<R, S>() && (alike<P, Q>() && ...);
  }();
};

#define FUNCTION(since, name, parameters)                                                          \
  static_assert(same_function<decltype(gk::gk_cuda_driver::name), decltype(&::name)>::value, #name);
GK_CUDA_FUNCTIONS(FUNCTION, FUNCTION)
