// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The world switch (Intel SDM 3C, 27 and 28). struct arch::Vcpu: general registers at 0 in the
// order of abi::Gpr (RSP is in the VMCS), then two addresses, then whether it was launched.

#define VCPU_LAUNCHED 144
#define HOST_RSP 0x6c14

  .text

// bool VmxEnter(Vcpu*): runs the guest of the current VMCS until an exit that VmxFastExit leaves to
// the rest. False: VMLAUNCH or VMRESUME failed, and the guest has not run. With interrupts off on
// both sides; one for the host ends the guest's run and stays pending.
  .global VmxEnter
  .global VmxExit
  .balign 16
VmxEnter:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  push %rdi
  mov $HOST_RSP, %eax
  vmwrite %rsp, %rax
  jbe 3f
1:
  cmpq $0, VCPU_LAUNCHED(%rdi)         /* nothing up to the entry changes flags */
  mov (%rdi), %rax
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
  mov %rax, (%rdi)
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
  xor %ebp, %ebp                       /* the guest's frames are not ours */
  call VmxFastExit
  mov (%rsp), %rdi
  test %al, %al
  jnz 1b
  mov $1, %eax
  pop %rdi
4:
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret

  .section .note.GNU-stack, "", @progbits
