// Signatures of kernels, from the names that NVRTC 13.5 gives on x86-64 Linux.
#include "test.h"

#include "../../csrc/cuda/signature.h"

#define LONG_NAME "a_name_that_is_longer_than_the_text_of_a_type_has_room_for_and_then_some_more"

// Each parameter as "type: kind dtype", with "const" where nothing is written through a pointer.
static const struct name {
  const char *mangled, *parameters;
} names[] = {
    // Through gpukit_signature.
    {"_Z16gpukit_signatureIPFvfPKfPfiEEvv",
     "float: number float32; const float*: pointer float32 const; float*: pointer float32; int: "
     "number int32"},
    {"_Z16gpukit_signatureIPFvvEEvv", ""},
#if !defined(_WIN32)
    {"_Z16gpukit_signatureIPFvcahstijlmxybmyEEvv",
     "char: number int8; signed char: number int8; unsigned char: number uint8; short: number "
     "int16; unsigned short: number uint16; int: number int32; unsigned int: number uint32; long: "
     "number int64; unsigned long: number uint64; long long: number int64; unsigned long long: "
     "number uint64; bool: number bool; unsigned long: number uint64; unsigned long long: number "
     "uint64"},
    {"_Z16gpukit_signatureIPFvwDsDiPKcDneEEvv",
     "wchar_t: number int32; char16_t: number uint16; char32_t: number uint32; const char*: "
     "pointer int8 const; std::nullptr_t: unknown; long double: unknown"},
#endif
    {"_Z16gpukit_signatureIPFvPPfPKPKfPvPKvPViPVKiS0_PKdEEvv",
     "float**: pointer none; const float* const*: pointer none const; void*: pointer none; const "
     "void*: pointer none const; volatile int*: pointer int32; const volatile int*: pointer int32 "
     "const; float*: pointer float32; const double*: pointer float64 const"},
    {"_Z16gpukit_signatureIPFvPfPA4_fPA3_A5_KiPA8_KfEEvv",
     "float*: pointer float32; float (*)[4]: pointer float32; const int (*)[3][5]: pointer int32 "
     "const; const float (*)[8]: pointer float32 const"},
    {"_Z16gpukit_signatureIPFvN2my6ParamsEPKS1_NS0_3VecIfLi4EEEPNS4_IS1_Li2EEENS0_4ModeE1UN36_"
     "GLOBAL__N__00000000_4_k_cu_de0a59166HiddenEPKSB_EEvv",
     "my::Params: struct; const my::Params*: pointer none const; my::Vec<float, 4>: struct; "
     "my::Vec<my::Params, 2>*: pointer none; my::Mode: struct; U: struct; (anonymous "
     "namespace)::Hidden: struct; const (anonymous namespace)::Hidden*: pointer none const"},
    {"_Z16gpukit_signatureIPFvN2my3LitILb1ELj3ELxn5ELc120EEENS0_5TupleIJifNS3_IJEEEEEEPS5_EEvv",
     "my::Lit<true, 3u, -5ll, (char)120>: struct; my::Tuple<int, float, my::Tuple<>>: struct; "
     "my::Tuple<int, float, my::Tuple<>>*: pointer none"},
    {"_Z16gpukit_signatureIPFv6float2PS0_PK6float44int34dim3P6uchar4EEvv",
     "float2: struct; float2*: pointer complex64; const float4*: pointer none const; int3: struct; "
     "dim3: struct; uchar4*: pointer none"},
    {"_Z16gpukit_signatureIPFvRiRKfEEvv", "int&: unknown; const float&: unknown"},
    {"_Z16gpukit_signatureIPFvPFvfiEPFiPKfEMN2my6ParamsEfPFvvEEEvv",
     "void (*)(float, int): unknown; int (*)(const float*): unknown; float my::Params::*: unknown; "
     "void (*)(): unknown"},
    {"_Z16gpukit_signatureIPFvPKfS1_PfS2_N2my6ParamsES4_PKS4_S6_EEvv",
     "const float*: pointer float32 const; const float*: pointer float32 const; float*: pointer "
     "float32; float*: pointer float32; my::Params: struct; my::Params: struct; const my::Params*: "
     "pointer none const; const my::Params*: pointer none const"},
    {"_Z16gpukit_signatureIPFvPKN2my6ParamsES1_PNS0_2in4DeepES5_EEvv",
     "const my::Params*: pointer none const; my::Params: struct; my::in::Deep*: pointer none; "
     "my::in::Deep: struct"},
    {"_Z16gpukit_signatureIPFvPN2my6ParamsEPKS1_S1_NS0_3VecIS1_Li3EEEEEvv",
     "my::Params*: pointer none; const my::Params*: pointer none const; my::Params: struct; "
     "my::Vec<my::Params, 3>: struct"},
    {"_Z16gpukit_signatureIPFv6__halfPKS0_13__nv_bfloat16PS3_7__half2PS5_PS0_EEvv",
     "__half: number float16; const __half*: pointer float16 const; __nv_bfloat16: number "
     "bfloat16; __nv_bfloat16*: pointer bfloat16; __half2: struct; __half2*: pointer none; "
     "__half*: pointer float16"},
    {"_Z16gpukit_signatureIPFvPKN4cuda3std3__47complexIfEES4_PNS3_IdEEEEvv",
     "const cuda::std::__4::complex<float>*: pointer complex64 const; "
     "cuda::std::__4::complex<float>: struct; cuda::std::__4::complex<double>*: pointer none"},
    // Kernels themselves.
    {"_Z4nonev", ""},
    {"_Z7vectors6float2PS_PK6float44int34dim3P6uchar4",
     "float2: struct; float2*: pointer complex64; const float4*: pointer none const; int3: struct; "
     "dim3: struct; uchar4*: pointer none"},
    {"_ZL8internalPf", "float*: pointer float32"},
    {"_ZN2my6nestedEPKNS_6ParamsES0_PNS_2in4DeepES4_",
     "const my::Params*: pointer none const; my::Params: struct; my::in::Deep*: pointer none; "
     "my::in::Deep: struct"},
    {"_Z5twicePKfS0_PfS1_N2my6ParamsES3_PKS3_S5_",
     "const float*: pointer float32 const; const float*: pointer float32 const; float*: pointer "
     "float32; float*: pointer float32; my::Params: struct; my::Params: struct; const my::Params*: "
     "pointer none const; const my::Params*: pointer none const"},
    {"_ZN2my9templatedIfEEvPT_PKS1_S1_NS_3VecIS1_Li3EEE",
     "float*: pointer float32; const float*: pointer float32 const; float: number float32; "
     "my::Vec<float, 3>: struct"},
    {"_ZN2my9templatedINS_6ParamsEEEvPT_PKS2_S2_NS_3VecIS2_Li3EEE",
     "my::Params*: pointer none; const my::Params*: pointer none const; my::Params: struct; "
     "my::Vec<my::Params, 3>: struct"},
    {"_Z1tIfiEvPT_PKT0_", "float*: pointer float32; const int*: pointer int32 const"},
    {"_Z3addSt7complexIfEPKS0_",
     "std::complex<float>: struct; const std::complex<float>*: pointer complex64 const"},
    {"_Z1k"
     "77" LONG_NAME,
     "a_name_that_is_longer_than_the_text_of_a_type_has_room_for_and_then_...: struct"},
    // No functions, or nothing that is understood.
    {"saxpy", NULL},
    {"", NULL},
    {"_Z", NULL},
    {"_ZN1n1cE", NULL},
    {"_Z16gpukit_signatureIPA4_fEvv", NULL}, // a variable
    {"_Z1kT_", NULL},
    {"_Z1kS_", NULL},
    {"_Z1kPS3_", NULL},
    {"_Z999k", NULL},
    {"_Z1kP", NULL},
    {"_Z1kDpT_", NULL},
    {"_Z1kILi4EEvXsrT_E", NULL},
};

static void tell(const gk_parameter *p, char *text, size_t room) {
  static const char *const kinds[] = {"unknown", "number", "pointer", "struct"};
  bool typed = p->kind == GK_PARAMETER_NUMBER || p->kind == GK_PARAMETER_POINTER;
  snprintf(text, room, "%s: %s%s%s%s", p->type, kinds[p->kind], typed ? " " : "",
           !typed     ? ""
           : p->dtype ? gk_dtypes[p->dtype].name
                      : "none",
           p->is_const ? " const" : "");
}

static void table(void) {
  static gk_parameter parameters[GK_MAX_ARGUMENTS];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char text[2048] = "";
    int count = gk_signature_parse(names[i].mangled, parameters);
    for (int k = 0; k < count; k++) {
      char one[256];
      tell(&parameters[k], one, sizeof one);
      snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", k ? "; " : "", one);
    }
    if (!names[i].parameters)
      CHECKF(count == -1, "%s: %d parameters, %s", names[i].mangled, count, text);
    else
      CHECKF(count >= 0 && !strcmp(text, names[i].parameters), "%s: %d\n  %s\nnot\n  %s",
             names[i].mangled, count, text, names[i].parameters);
  }
}

// What a launch needs to know of sizes.
static void sizes(void) {
  static const struct {
    const char *mangled;
    uint32_t bytes;
  } one[] = {{"_Z1kf", 4},       {"_Z1kd", 8},    {"_Z1kb", 1},  {"_Z1kPv", 8},
             {"_Z1k6__half", 2}, {"_Z1k3Any", 0}, {"_Z1kRi", 0}, {"_Z1kPFvvE", 8}};
  for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
    gk_parameter p[GK_MAX_ARGUMENTS];
    CHECKF(gk_signature_parse(one[i].mangled, p) == 1 && p->bytes == one[i].bytes, "%s: %u bytes",
           one[i].mangled, p->bytes);
  }
}

static void limits(void) {
  static gk_parameter parameters[GK_MAX_ARGUMENTS];
  char text[40000];
  for (int n = GK_MAX_ARGUMENTS; n <= GK_MAX_ARGUMENTS + 1; n++) {
    strcpy(text, "_Z1k");
    memset(text + 4, 'i', (size_t)n);
    text[4 + n] = 0;
    CHECK(gk_signature_parse(text, parameters) == (n <= GK_MAX_ARGUMENTS ? n : -1));
  }
  // Depths that no compiler gives.
  static const char *const deep[] = {"P", "1aI", "F", "J", "A1_", "N", "1aIJ", "PFP", "M1a", "LPL"};
  for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
    strcpy(text, "_Z1k1aI");
    while (strlen(text) < 16000) strcat(text, deep[i]);
    CHECKF(gk_signature_parse(text, parameters) == -1, "%s", deep[i]);
  }
  memset(text, '1', sizeof text - 1);
  memcpy(text, "_Z", 2);
  text[sizeof text - 1] = 0;
  CHECK(gk_signature_parse(text, parameters) == -1);
}

int main(void) {
  table();
  sizes();
  limits();
  return test_done();
}
