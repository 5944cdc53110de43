#include "signature.h"

int gk_signature_parse(const char *mangled, gk_parameter *parameters) {
  (void)mangled;
  (void)parameters;
  return -1;
}
