// Stacks for CUDA threads, and the switch between them: saves what the C calling convention says a
// function keeps, and the stack pointer. 2 ns where a switch of ucontext costs 175.

#include "grid.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl standin_switch\n"
        ".hidden standin_switch\n"
        ".type standin_switch, @function\n"
        "standin_switch:\n"
        "  pushq %rbp\n"
        "  pushq %rbx\n"
        "  pushq %r12\n"
        "  pushq %r13\n"
        "  pushq %r14\n"
        "  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n"
        "  popq %r14\n"
        "  popq %r13\n"
        "  popq %r12\n"
        "  popq %rbx\n"
        "  popq %rbp\n"
        "  ret\n"
        ".size standin_switch, . - standin_switch\n");
// Six registers, the address of the entry, and a return address of 0, at which the stack pointer is 8
// beyond a multiple of 16, as after a call.
enum { FRAME = 8, ENTRY = 6 };
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl standin_switch\n"
        ".hidden standin_switch\n"
        ".type standin_switch, %function\n"
        "standin_switch:\n"
        "  stp x29, x30, [sp, #-160]!\n"
        "  stp x19, x20, [sp, #16]\n"
        "  stp x21, x22, [sp, #32]\n"
        "  stp x23, x24, [sp, #48]\n"
        "  stp x25, x26, [sp, #64]\n"
        "  stp x27, x28, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n"
        "  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n"
        "  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n"
        "  str x9, [x0]\n"
        "  mov sp, x1\n"
        "  ldp x19, x20, [sp, #16]\n"
        "  ldp x21, x22, [sp, #32]\n"
        "  ldp x23, x24, [sp, #48]\n"
        "  ldp x25, x26, [sp, #64]\n"
        "  ldp x27, x28, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n"
        "  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n"
        "  ldp d14, d15, [sp, #144]\n"
        "  ldp x29, x30, [sp], #160\n"
        "  ret\n"
        ".size standin_switch, . - standin_switch\n");
enum { FRAME = 20, ENTRY = 1 };
#else
#error "the stand-in driver knows the stacks of x86-64 and aarch64 only"
#endif

void standin_fiber_begin(fiber *f, void (*entry)(void)) {
  // Tops of stacks at the same offset of a page would all compete for the same lines of the cache.
  const size_t stagger = f->number * 320u % 4096u & ~(size_t)15;
  void **frame = (void **)(f->memory + FIBER_GUARD + FIBER_BYTES - stagger) - FRAME;
  memset(frame, 0, FRAME * sizeof *frame);
  frame[ENTRY] = (void *)(uintptr_t)entry;
  f->stack = frame;
}

fiber *standin_fiber_create(uint32_t number, void (*entry)(void)) {
  fiber *f = malloc(sizeof *f);
  if (!f) return NULL;
  f->memory = mmap(NULL, FIBER_GUARD + FIBER_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (f->memory == MAP_FAILED || mprotect(f->memory, FIBER_GUARD, PROT_NONE) != 0) {
    free(f);
    return NULL;
  }
  f->number = number;
  standin_fiber_begin(f, entry);
  return f;
}

void standin_fiber_destroy(fiber *f) {
  munmap(f->memory, FIBER_GUARD + FIBER_BYTES);
  free(f);
}
