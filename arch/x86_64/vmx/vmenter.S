// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/world_switch.inc"

// The world switch (Intel SDM 3C, 27 and 28). RSP is in the VMCS. struct arch::Vcpu: where the
// general registers are, two addresses, whether it was launched.

#define VCPU_LAUNCHED 24
#define HOST_RSP 0x6c14

  .text

// bool VmxEnter(Vcpu*): runs the guest of the current VMCS until an exit that VmxFastExit leaves to
// the rest. False: VMLAUNCH or VMRESUME failed, and the guest has not run. With interrupts off on
// both sides; one for the host ends the guest's run and stays pending.
  .global VmxEnter
  .global VmxExit
  .balign 16
VmxEnter:
  push_ours
  mov $HOST_RSP, %eax
  vmwrite %rsp, %rax
  jbe 3f
1:
  cmpq $0, VCPU_LAUNCHED(%rdi)         /* nothing up to the entry changes flags */
  mov VCPU_GPR(%rdi), %rdi
  mov GPR_RAX(%rdi), %rax
  load_gprs
  je 2f
  vmresume
  jmp 3f
2:
  vmlaunch
3:
  // The registers are the guest's, or were about to be; the stack is ours.
  xor %eax, %eax
  pop %rdi
  jmp 4f

  .balign 16
VmxExit:
  xchg %rdi, (%rsp)
  push %rax
  mov VCPU_GPR(%rdi), %rax
  store_gprs
  pop %rcx
  mov %rcx, GPR_RAX(%rax)
  mov (%rsp), %rcx
  mov %rcx, GPR_RDI(%rax)
  mov %rdi, (%rsp)
  xor %ebp, %ebp                       /* the guest's frames are not ours */
  call VmxFastExit
  mov (%rsp), %rdi
  test %al, %al
  jnz 1b
  mov $1, %eax
  pop %rdi
4:
  pop_ours
  ret

  .section .note.GNU-stack, "", @progbits
