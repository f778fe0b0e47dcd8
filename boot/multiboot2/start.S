/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* The entry for multiboot2 loaders (GRUB). They find the header in the first 32 KiB of the file,
   load the image at its physical addresses and start it in 32-bit protected mode without paging:
   flat segments, interrupts off, EAX = magic number, EBX = physical address of the information
   (Multiboot2 Specification 2.0, 3.1 and 3.3). */

#include "boot/x86_64/layout.h"

#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define MULTIBOOT2_ARCHITECTURE_I386 0  /* 32-bit protected mode */

/* Of the header, 3.1.4 to 3.1.13. */
#define TAG_END 0
#define TAG_INFORMATION_REQUEST 1
#define TAG_ENTRY_ADDRESS 3
#define TAG_MODULE_ALIGNMENT 6
#define TAG_REQUIRED 0
#define TAG_OPTIONAL 1

/* Of the information, 3.6. */
#define INFORMATION_COMMAND_LINE 1
#define INFORMATION_MODULE 3
#define INFORMATION_MEMORY_MAP 6
#define INFORMATION_ACPI_OLD 14
#define INFORMATION_ACPI_NEW 15

  .section .multiboot2, "ax", @progbits
  .balign 8
multiboot2_header:
  .long MULTIBOOT2_HEADER_MAGIC
  .long MULTIBOOT2_ARCHITECTURE_I386
  .long multiboot2_header_end - multiboot2_header
  .long -(MULTIBOOT2_HEADER_MAGIC + MULTIBOOT2_ARCHITECTURE_I386 + multiboot2_header_end - multiboot2_header)

  .balign 8
1:
  .short TAG_INFORMATION_REQUEST, TAG_REQUIRED
  .long 2f - 1b
  .long INFORMATION_COMMAND_LINE
  .long INFORMATION_MODULE
  .long INFORMATION_MEMORY_MAP
2:
  /* A machine has the one or the other. */
  .balign 8
1:
  .short TAG_INFORMATION_REQUEST, TAG_OPTIONAL
  .long 2f - 1b
  .long INFORMATION_ACPI_OLD
  .long INFORMATION_ACPI_NEW
2:
  /* The address at which the ELF header says to start is for 64-bit loaders. */
  .balign 8
1:
  .short TAG_ENTRY_ADDRESS, TAG_REQUIRED
  .long 2f - 1b
  .long BULKHEAD_PHYSICAL(_start_multiboot2)
2:
  .balign 8
1:
  .short TAG_MODULE_ALIGNMENT, TAG_REQUIRED
  .long 2f - 1b
2:
  .balign 8
1:
  .short TAG_END, TAG_REQUIRED
  .long 2f - 1b
2:
multiboot2_header_end:

  .section .text.boot, "ax", @progbits
  .code32
  .globl _start_multiboot2
  .type _start_multiboot2, @function
_start_multiboot2:
  movl %eax, %esi
  movl $BULKHEAD_PHYSICAL(Multiboot2Main), %ebp
  jmp _start32
  .size _start_multiboot2, . - _start_multiboot2
