// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Where a user program begins: its argument in X0, its stack set.

  .section .text.start, "ax"
  .global _start
_start:
  /* Whoever starts a program need not know that SP has to be a multiple of 16 (Arm ARM D1.8.2). */
  mov x9, sp
  and sp, x9, #~15
  mov x29, xzr
  mov x30, xzr
  bl RuntimeStart
  brk #0

  .section .note.GNU-stack, "", @progbits
