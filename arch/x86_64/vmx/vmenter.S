// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The world switch (Intel SDM 3C, 27 and 28). struct arch::Vcpu: where the general registers
// are, in the order of abi::Gpr (RSP is in the VMCS), two addresses, whether it was launched.

#define VCPU_GPR 0
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
  mov VCPU_GPR(%rdi), %rdi
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
  push %rax
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
  pop %rcx
  mov %rcx, (%rax)
  mov (%rsp), %rcx
  mov %rcx, 56(%rax)
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
