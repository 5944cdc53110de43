// The op table as C sees it, made from ops.def.
#include "call.h"

enum {
  CLASS_B = GK_CLASS_BOOL,
  CLASS_I = GK_CLASS_SIGNED | GK_CLASS_UNSIGNED,
  CLASS_F = GK_CLASS_FLOAT,
  CLASS_BI = CLASS_B | CLASS_I,
  CLASS_BIF = CLASS_B | CLASS_I | CLASS_F,
  CLASS_IF = CLASS_I | CLASS_F,
  CLASS_IFC = CLASS_IF | GK_CLASS_COMPLEX,
  CLASS_BIFC = CLASS_BIF | GK_CLASS_COMPLEX
};

const gk_op gk_ops[GK_OP_LIMIT] = {
#define GK_OP(code, name, family, arity, accepts, compute, result, summary)                        \
  [code] = {#name, CLASS_##accepts,      GK_FAMILY_##family,                                       \
            arity, GK_COMPUTE_##compute, GK_RESULT_##result},
#include "ops.def"
#undef GK_OP
};

const char *gk_op_name(uint16_t op) {
  static _Thread_local char name[32];
  const char *from = op < GK_OP_LIMIT && gk_ops[op].name ? gk_ops[op].name
                     : op == GK_OP_LAUNCH                ? "launch"
                                                         : "unknown op";
  char *to = name;
  for (; *from; from++) {
    if (*from == '_')
      *to++ = (char)(*++from - 'a' + 'A');
    else
      *to++ = *from;
  }
  *to = 0;
  return name;
}
