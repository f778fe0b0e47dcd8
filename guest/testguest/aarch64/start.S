/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* The test guest's entry as a Linux arm64 Image (Linux, Documentation/arm64/booting.rst: MMU off,
   X0 = devicetree), the way to its own page tables, and its exception vectors. */

  .section .text.start, "ax", @progbits
  .globl _start
_start:
  b 1f
  .long 0
  .quad 0x80000                        /* text_offset */
  .quad __image_size                   /* image_size */
  .quad 0xa                            /* flags: little endian, 4 KiB pages, anywhere */
  .quad 0, 0, 0
  .ascii "ARM\x64"
  .long 0

1:
  mov x19, x0
  /* The state at the entry, for the checks. */
  mrs x20, CurrentEL
  mrs x21, DAIF
  mrs x22, SCTLR_EL1
  msr DAIFSet, #0xf

  /* The first 4 GiB one to one, in pieces of 1 GiB: devices, RAM, RAM, and what is neither. */
  adr x1, page_table
  mov x2, #0x401                       /* block, AF, AttrIndx 0 */
  str x2, [x1]
  mov x3, #0x40000000
  mov x2, #0x705                       /* block, AF, inner shareable, AttrIndx 1 */
  orr x2, x2, x3
  str x2, [x1, #8]
  add x2, x2, x3
  str x2, [x1, #16]
  mov x2, #0x401
  add x2, x2, x3, lsl #1
  add x2, x2, x3
  str x2, [x1, #24]

  /* Device-nGnRnE; normal, write-back. 39 bits of address, 4 KiB granule, walks through the caches,
     nothing in the upper half (Arm ARM D17.2.131). */
  mov x2, #0xff00
  msr MAIR_EL1, x2
  ldr x2, =0x200803519
  msr TCR_EL1, x2
  msr TTBR0_EL1, x1
  dsb sy
  tlbi vmalle1
  dsb sy
  isb
  ldr x2, =0x30d01805                  /* the ones of Armv8.0; I, C, M */
  msr SCTLR_EL1, x2
  isb
  mov x2, #(3 << 20)                   /* floating point may be used */
  msr CPACR_EL1, x2
  adr x2, vectors
  msr VBAR_EL1, x2
  isb

  adrp x2, stack_top
  add x2, x2, :lo12:stack_top
  mov sp, x2
  adrp x2, entry_state
  add x2, x2, :lo12:entry_state
  stp x20, x21, [x2]
  str x22, [x2, #16]
  mov x0, x19
  mov x29, xzr
  mov x30, xzr
  bl TestGuestMain
2:
  wfi
  b 2b

  .macro vector number
  .balign 128
  sub sp, sp, #288
  stp x0, x1, [sp]
  mov x0, #\number
  b exception_common
  .endm

  .balign 2048
vectors:
  .set n, 0
  .rept 16
  vector n
  .set n, n + 1
  .endr

/* struct Frame of cpu.cc. */
exception_common:
  stp x2, x3, [sp, #16]
  stp x4, x5, [sp, #32]
  stp x6, x7, [sp, #48]
  stp x8, x9, [sp, #64]
  stp x10, x11, [sp, #80]
  stp x12, x13, [sp, #96]
  stp x14, x15, [sp, #112]
  stp x16, x17, [sp, #128]
  stp x18, x19, [sp, #144]
  stp x20, x21, [sp, #160]
  stp x22, x23, [sp, #176]
  stp x24, x25, [sp, #192]
  stp x26, x27, [sp, #208]
  stp x28, x29, [sp, #224]
  mrs x1, ELR_EL1
  stp x30, x1, [sp, #240]
  mrs x1, SPSR_EL1
  stp x1, x0, [sp, #256]
  mov x0, sp
  bl HandleException
  ldr x30, [sp, #240]
  ldp x0, x1, [sp, #248]
  msr ELR_EL1, x0
  msr SPSR_EL1, x1
  ldp x28, x29, [sp, #224]
  ldp x26, x27, [sp, #208]
  ldp x24, x25, [sp, #192]
  ldp x22, x23, [sp, #176]
  ldp x20, x21, [sp, #160]
  ldp x18, x19, [sp, #144]
  ldp x16, x17, [sp, #128]
  ldp x14, x15, [sp, #112]
  ldp x12, x13, [sp, #96]
  ldp x10, x11, [sp, #80]
  ldp x8, x9, [sp, #64]
  ldp x6, x7, [sp, #48]
  ldp x4, x5, [sp, #32]
  ldp x2, x3, [sp, #16]
  ldp x0, x1, [sp]
  add sp, sp, #288
  eret

  .bss
  .balign 4096
  .globl page_table
page_table:
  .skip 4096
  .globl entry_state
entry_state:
  .skip 32
  .balign 16
  .skip 16384
stack_top:

  .section .note.GNU-stack, "", @progbits
