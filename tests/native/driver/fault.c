// Faults inside kernels: an access to memory that is not there, a division by zero, a trap. The launch
// ends with a result and a reason, and the process goes on. Faults of anything else are handed to
// whoever handled them before: runtimes install handlers of their own.

#include "grid.h"

#include "../../../csrc/cuda/driver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
enum { SIGNALS = sizeof signals / sizeof *signals, SIGNAL_STACK = 64 << 10 };
static struct sigaction previous[SIGNALS];

static void pass_on(int number, siginfo_t *info, void *context) {
  for (int i = 0; i < SIGNALS; i++) {
    if (signals[i] != number) continue;
    if (previous[i].sa_flags & SA_SIGINFO) {
      previous[i].sa_sigaction(number, info, context);
    } else if (previous[i].sa_handler != SIG_DFL && previous[i].sa_handler != SIG_IGN) {
      previous[i].sa_handler(number);
    } else {
      // The instruction faults again and ends the process as it would have without us.
      sigaction(number, &previous[i], NULL);
    }
  }
}

uintptr_t standin_fault_code(const void *value) {
  const ucontext_t *context = value;
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
  return (uintptr_t)context->uc_mcontext.pc;
#endif
}

static void on_fault(int number, siginfo_t *info, void *context) {
  grid *g = standin_grid;
  if (!g || !g->self || info->si_code <= 0) {
    pass_on(number, info, context);
    return;
  }
  // The signal is not blocked meanwhile (SA_NODEFER), so that this need not return.
  const uintptr_t code = standin_fault_code(context), address = (uintptr_t)info->si_addr;
  if (number == SIGFPE) {
    standin_stop(CUDA_ERROR_LAUNCH_FAILED, code, "an integer division by zero, or one too large");
  }
  if (number == SIGILL) standin_stop(CUDA_ERROR_LAUNCH_FAILED, code, "a trap");
  if (address - (uintptr_t)g->self->memory < FIBER_GUARD) {
    standin_stop(CUDA_ERROR_LAUNCH_FAILED, code, "a thread needs more than %d bytes of stack",
                 FIBER_BYTES);
  }
  standin_stop(CUDA_ERROR_ILLEGAL_ADDRESS, code, "an access to address 0x%zx", (size_t)address);
}

static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (int i = 0; i < SIGNALS; i++) sigaction(signals[i], &action, &previous[i]);
}

void standin_fault_watch(grid *g) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  stack_t now;
  if (sigaltstack(NULL, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return;
  // Without one, a kernel that overruns its stack could not be reported on that stack.
  g->signal_stack = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (g->signal_stack == MAP_FAILED) {
    g->signal_stack = NULL;
    return;
  }
  const stack_t ours = {.ss_sp = g->signal_stack, .ss_size = SIGNAL_STACK};
  sigaltstack(&ours, NULL);
}

void standin_fault_leave(grid *g) {
  if (!g->signal_stack) return;
  stack_t now;
  if (sigaltstack(NULL, &now) == 0 && now.ss_sp == g->signal_stack) {
    const stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
  }
  munmap(g->signal_stack, SIGNAL_STACK);
}
