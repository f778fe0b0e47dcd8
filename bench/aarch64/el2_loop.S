// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The least a hypervisor has to do for an exit (Arm ARM DDI 0487, D1.3): every general register, PC
// and PSTATE saved and loaded again, the instruction skipped. Of why the guest left only that is
// looked at without which this is not possible: after HVC, PC is behind it already.

#define EC_SHIFT 26
#define EC_HVC64 0x16

  .text

// [[noreturn]] void RunBare(): the guest, on and on. ELR_EL2 and SPSR_EL2 are set.
  .globl RunBare
RunBare:
  adr x0, Vectors
  msr vbar_el2, x0
  adrp x0, registers
  add x0, x0, #:lo12:registers
  msr tpidr_el2, x0
  isb
  eret

// From EL1, whatever it was.
Exit:
  stp x0, x1, [sp, #-16]!
  mrs x0, tpidr_el2
  stp x2, x3, [x0, #16]
  stp x4, x5, [x0, #32]
  stp x6, x7, [x0, #48]
  stp x8, x9, [x0, #64]
  stp x10, x11, [x0, #80]
  stp x12, x13, [x0, #96]
  stp x14, x15, [x0, #112]
  stp x16, x17, [x0, #128]
  stp x18, x19, [x0, #144]
  stp x20, x21, [x0, #160]
  stp x22, x23, [x0, #176]
  stp x24, x25, [x0, #192]
  stp x26, x27, [x0, #208]
  stp x28, x29, [x0, #224]
  ldp x2, x3, [sp], #16
  stp x2, x3, [x0, #0]
  mrs x1, elr_el2
  mrs x2, spsr_el2
  stp x30, x1, [x0, #240]
  str x2, [x0, #256]

  mrs x3, esr_el2
  lsr x3, x3, #EC_SHIFT
  cmp x3, #EC_HVC64
  cset x3, ne
  add x1, x1, x3, lsl #2
  str x1, [x0, #248]

  ldp x30, x1, [x0, #240]
  ldr x2, [x0, #256]
  msr elr_el2, x1
  msr spsr_el2, x2
  ldp x2, x3, [x0, #16]
  ldp x4, x5, [x0, #32]
  ldp x6, x7, [x0, #48]
  ldp x8, x9, [x0, #64]
  ldp x10, x11, [x0, #80]
  ldp x12, x13, [x0, #96]
  ldp x14, x15, [x0, #112]
  ldp x16, x17, [x0, #128]
  ldp x18, x19, [x0, #144]
  ldp x20, x21, [x0, #160]
  ldp x22, x23, [x0, #176]
  ldp x24, x25, [x0, #192]
  ldp x26, x27, [x0, #208]
  ldp x28, x29, [x0, #224]
  ldp x0, x1, [x0, #0]
  eret

  .balign 2048
Vectors:
  .rept 16
  .balign 128
  b Exit
  .endr

  .bss
  .balign 16
registers:
  .skip 33 * 8

  .section .note.GNU-stack, "", @progbits
