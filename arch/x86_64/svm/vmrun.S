// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/world_switch.inc"

// The world switch (AMD APM 2, 15.5). RAX and RSP are in the control block. struct arch::Vcpu: where
// the general registers are, then two physical addresses.

#define VCPU_VMCB 8
#define VCPU_HOST_VMCB 16

  .text

// void SvmEnter(Vcpu*): runs the guest until an exit that FastExit leaves to the rest.
// With interrupts off on both sides. Between CLGI and STGI nothing interrupts; RFLAGS.IF is on
// meanwhile so that a host interrupt ends the guest's run (V_INTR_MASKING, 15.21.1).
  .global SvmEnter
  .balign 16
SvmEnter:
  push_ours
  clgi
  sti
  mov VCPU_VMCB(%rdi), %rax
  vmload %rax
1:
  mov VCPU_VMCB(%rdi), %rax
  mov VCPU_GPR(%rdi), %rdi
  load_gprs
  vmrun %rax
  xchg %rdi, (%rsp)                    // RAX is in the control block: free
  mov VCPU_GPR(%rdi), %rax
  store_gprs
  mov (%rsp), %rcx
  mov %rcx, GPR_RDI(%rax)
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
  pop_ours
  ret

  .section .note.GNU-stack, "", @progbits
