// The table behind a source, standin_entries: its kernels, its variables, then its name expressions.
#include "nvrtc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NO_BOUNDS "1024"

// The namespaces of a declaration, opened again around some text.
static void add_within(text *code, const declared *d, const char *what) {
  text_add(code, "%s %s", d->opened, what);
  for (int i = 0; i < d->depth; i++) text_add(code, " }");
  text_add(code, "\n");
}

// Launch bounds may use what their kernel's namespace declares, and of a template its parameters.
static void add_bounds(text *code, const scan *s) {
  text t = {0};
  for (size_t i = 0; i < s->kernel_count; i++) {
    if (s->kernels[i].bounds == NULL) continue;
    text_free(&t);
    text_add(&t, "enum : unsigned { standin_bounds_%zu = (%s) };", i, s->kernels[i].bounds);
    add_within(code, &s->kernels[i], text_of(&t));
  }
  for (size_t i = 0; i < s->template_count; i++) {
    const declared *d = &s->templates[i];
    bool again = false; // overloads: which one is meant is not known here
    for (size_t k = 0; k < i; k++) again |= strcmp(s->templates[k].name, d->name) == 0;
    if (again || d->bounds == NULL) continue;
    text_free(&t);
    text_add(&t, "%s struct standin_bounds_%s { enum : unsigned { value = (%s) }; };",
             d->parameters, d->name, d->bounds);
    add_within(code, d, text_of(&t));
  }
  text_free(&t);
}

// A name expression without the `&`, parentheses and spaces that may be around it.
static char *plain_expression(const char *expression) {
  const char *from = expression, *to = expression + strlen(expression);
  for (bool changed = true; changed && from < to;) {
    changed = true;
    if (isspace((unsigned char)*from) || *from == '&') {
      from++;
    } else if (isspace((unsigned char)to[-1])) {
      to--;
    } else if (*from == '(' && to[-1] == ')') {
      from++;
      to--;
    } else {
      changed = false;
    }
  }
  return strndup(from, (size_t)(to - from));
}

// In parentheses, since there may be commas. The bounds of `a::scale<float>` are `a::standin_bounds_scale<float>::value`.
static void add_bounds_of(text *code, const scan *s, const char *name) {
  const size_t length = strcspn(name, "<");
  size_t last = length;
  while (last > 0 && (isalnum((unsigned char)name[last - 1]) || name[last - 1] == '_')) last--;
  for (size_t i = 0; i < s->template_count && name[length] == '<'; i++) {
    const declared *d = &s->templates[i];
    if (d->bounds == NULL || strlen(d->name) != length - last ||
        strncmp(d->name, name + last, length - last) != 0) {
      continue;
    }
    text_add(code, "%.*sstandin_bounds_%s::value", (int)last, name, name + last);
    return;
  }
  for (size_t i = 0; i < s->kernel_count; i++) {
    const declared *d = &s->kernels[i];
    const size_t space = strlen(d->space);
    if (d->bounds == NULL || strncmp(name, d->space, space) != 0 ||
        strcmp(name + space, d->name) != 0) {
      continue;
    }
    text_add(code, "%sstandin_bounds_%zu", d->space, i);
    return;
  }
  text_add(code, NO_BOUNDS);
}

void registry_add(text *code, const scan *s, const program *p) {
  text_add(code, "\n#line 1 \"__nv_registry\"\n");
  add_bounds(code, s);
  text_add(code, "extern \"C\" {\nextern STANDIN_API const standin_entry standin_entries[];\n"
                 "const standin_entry standin_entries[] = {\n");
  for (size_t i = 0; i < s->kernel_count; i++) {
    const declared *d = &s->kernels[i];
    text_add(code, "STANDIN_KERNEL_ENTRY(\"%s%s\", (", d->space, d->name);
    text full = {0};
    text_add(&full, "%s%s", d->space, d->name);
    add_bounds_of(code, s, full.at);
    text_add(code, "), %s),\n", full.at);
    text_free(&full);
  }
  for (size_t i = 0; i < s->variable_count; i++) {
    const declared *d = &s->variables[i];
    text_add(code, "STANDIN_VARIABLE_ENTRY(\"%s%s\", %d, %s%s),\n", d->space, d->name, d->constant,
             d->space, d->name);
  }
  // Lines as NVRTC counts them.
  text_add(code, "#line 2 \"__nv_name_map\"\n");
  for (size_t i = 0; i < p->expressions.count; i++) {
    char *name = plain_expression(p->expressions.at[i]);
    text_add(code, "STANDIN_NAME_ENTRY(\"%s\", (", name);
    add_bounds_of(code, s, name);
    text_add(code, "), %s),\n", name);
    free(name);
  }
  text_add(code, "{}};\n}\n");
}
