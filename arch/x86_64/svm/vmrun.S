// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The world switch (AMD APM 2, 15.5). struct arch::Vcpu: where the general registers are, in the
// order of abi::Gpr (RAX and RSP are in the control block), then two physical addresses.

#define VCPU_GPR 0
#define VCPU_VMCB 8
#define VCPU_HOST_VMCB 16

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
  mov VCPU_GPR(%rdi), %rdi
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
  xchg %rdi, (%rsp)                    // RAX is in the control block: free
  mov VCPU_GPR(%rdi), %rax
  mov %rcx, 8(%rax)
  mov %rdx, 16(%rax)
  mov %rbx, 24(%rax)
  mov %rbp, 40(%rax)
  mov %rsi, 48(%rax)
  mov %r8, 64(%rax)
  mov %r9, 72(%rax)
  mov %r10, 80(%rax)
  mov %r11, 88(%rax)
  mov %r12, 96(%rax)
  mov %r13, 104(%rax)
  mov %r14, 112(%rax)
  mov %r15, 120(%rax)
  mov (%rsp), %rcx
  mov %rcx, 56(%rax)
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
