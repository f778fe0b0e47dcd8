/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* interrupts.h: Catch. Calls within calls are fine. */

  .text
/* void CatchCall(void (*body)(void*), void* context): the handler of an exception returns to
   catch_resume on the stack that catch_stack says. */
  .globl CatchCall
CatchCall:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  pushq catch_stack(%rip)
  movq %rsp, catch_stack(%rip)
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  .globl catch_resume
catch_resume:
  popq catch_stack(%rip)
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq

  .bss
  .balign 8
  .globl catch_stack
catch_stack:
  .skip 8
