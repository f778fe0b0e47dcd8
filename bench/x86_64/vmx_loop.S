// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The least a hypervisor has to do for an exit (Intel SDM 3C, 27 and 28): every register switched,
// the instruction skipped. Nobody is asked why the guest left: every instruction here that leaves
// it has two bytes.

#define HOST_RSP 0x6c14
#define HOST_RIP 0x6c16
#define GUEST_RIP 0x681e
#define INSTRUCTION_ERROR 0x4400

  .text
  .code64

// uint64_t VmxLoop(): the guest of the current VMCS, on and on. Returns only if it cannot be
// entered: the error.
  .globl VmxLoop
VmxLoop:
  movl $HOST_RSP, %eax
  vmwrite %rsp, %rax
  movl $HOST_RIP, %eax
  leaq 2f(%rip), %rcx
  vmwrite %rcx, %rax
  vmlaunch
  jmp 3f
1:
  movq registers+0, %rcx
  movq registers+8, %rdx
  movq registers+16, %rbx
  movq registers+24, %rbp
  movq registers+32, %rsi
  movq registers+40, %rdi
  movq registers+48, %r8
  movq registers+56, %r9
  movq registers+64, %r10
  movq registers+72, %r11
  movq registers+80, %r12
  movq registers+88, %r13
  movq registers+96, %r14
  movq registers+104, %r15
  movq registers+112, %rax
  vmresume
  jmp 3f
2:
  movq %rcx, registers+0
  movq %rdx, registers+8
  movq %rbx, registers+16
  movq %rbp, registers+24
  movq %rsi, registers+32
  movq %rdi, registers+40
  movq %r8, registers+48
  movq %r9, registers+56
  movq %r10, registers+64
  movq %r11, registers+72
  movq %r12, registers+80
  movq %r13, registers+88
  movq %r14, registers+96
  movq %r15, registers+104
  movq %rax, registers+112
  movl $GUEST_RIP, %eax
  vmread %rax, %rcx
  addq $2, %rcx
  vmwrite %rcx, %rax
  jmp 1b
3:
  movl $INSTRUCTION_ERROR, %ecx
  vmread %rcx, %rax
  retq

  .bss
  .balign 8
registers:
  .skip 15 * 8

  .section .note.GNU-stack, "", @progbits
