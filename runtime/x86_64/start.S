// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Where a user program begins: its argument in RDI, its stack set.

  .section .text.start, "ax"
  .global _start
_start:
  xor %ebp, %ebp
  call RuntimeStart
  ud2

  .section .note.GNU-stack, "", @progbits
