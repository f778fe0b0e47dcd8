// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The world switch (AMD APM 2, 15.5). struct arch::Vcpu: general registers at 0 in the order of
// abi::Gpr (RAX and RSP are in the control block), then two physical addresses.

#define VCPU_VMCB 128
#define VCPU_HOST_VMCB 136

  .text

// void SvmEnter(Vcpu*): runs the guest until an exit that FastExit leaves to the rest.
// With interrupts off on both sides. Between CLGI and STGI nothing interrupts; RFLAGS.IF is on
// meanwhile so that a host interrupt ends the guest's run (V_INTR_MASKING, 15.21.1).
  .global SvmEnter
  .balign 16
SvmEnter:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  push %rdi
  clgi
  sti
  mov VCPU_VMCB(%rdi), %rax
  vmload %rax
1:
  mov VCPU_VMCB(%rdi), %rax
  mov 8(%rdi), %rcx
  mov 16(%rdi), %rdx
  mov 24(%rdi), %rbx
  mov 40(%rdi), %rbp
  mov 48(%rdi), %rsi
  mov 64(%rdi), %r8
  mov 72(%rdi), %r9
  mov 80(%rdi), %r10
  mov 88(%rdi), %r11
  mov 96(%rdi), %r12
  mov 104(%rdi), %r13
  mov 112(%rdi), %r14
  mov 120(%rdi), %r15
  mov 56(%rdi), %rdi
  vmrun %rax
  xchg %rdi, (%rsp)
  mov %rcx, 8(%rdi)
  mov %rdx, 16(%rdi)
  mov %rbx, 24(%rdi)
  mov %rbp, 40(%rdi)
  mov %rsi, 48(%rdi)
  mov %r8, 64(%rdi)
  mov %r9, 72(%rdi)
  mov %r10, 80(%rdi)
  mov %r11, 88(%rdi)
  mov %r12, 96(%rdi)
  mov %r13, 104(%rdi)
  mov %r14, 112(%rdi)
  mov %r15, 120(%rdi)
  mov (%rsp), %rax
  mov %rax, 56(%rdi)
  mov %rdi, (%rsp)
  // Segment state is still the guest's: FastExit uses neither GS nor anything that needs it.
  call SvmFastExit
  mov (%rsp), %rdi
  test %al, %al
  jnz 1b
  mov VCPU_VMCB(%rdi), %rax
  vmsave %rax
  mov VCPU_HOST_VMCB(%rdi), %rax
  vmload %rax
  cli
  stgi
  pop %rdi
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret

  .section .note.GNU-stack, "", @progbits
