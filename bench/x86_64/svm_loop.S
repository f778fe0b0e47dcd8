// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The least a hypervisor has to do for an exit (AMD APM 2, 15.5): every register switched, segment
// state included, a window for host interrupts, the instruction skipped. Nobody is asked why the
// guest left: every intercepted instruction here has two bytes.

#define VMCB_RIP 0x578

  .text
  .code64

// [[noreturn]] void SvmLoop(): the guest of svm_vmcb, on and on.
  .globl SvmLoop
SvmLoop:
1:
  clgi
  movl $svm_vmcb, %eax
  vmload %rax
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
  vmrun %rax
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
  vmsave %rax
  movl $svm_host_vmcb, %eax
  vmload %rax
  stgi
  addq $2, svm_vmcb+VMCB_RIP
  jmp 1b

  .bss
  .balign 8
registers:
  .skip 14 * 8

  .section .note.GNU-stack, "", @progbits
