/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* The direct entry. A PVH loader (QEMU -kernel, Xen) finds it through the note, loads the image at
   its physical addresses and starts it in 32-bit protected mode without paging: flat segments,
   interrupts off, EBX = physical address of hvm_start_info (Xen public ABI, start_info.h and
   "x86/HVM direct boot ABI"). */

#include "boot/x86_64/layout.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

  .section .note.pvh, "a", @note
  .balign 4
  .long 4                              /* size of the owner's name */
  .long 4                              /* size of the descriptor */
  .long XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long BULKHEAD_PHYSICAL(_start_pvh)

  .section .text.boot, "ax", @progbits
  .code32
  .globl _start_pvh
  .type _start_pvh, @function
_start_pvh:
  movl $BULKHEAD_PHYSICAL(PvhMain), %ebp
  jmp _start32
  .size _start_pvh, . - _start_pvh
