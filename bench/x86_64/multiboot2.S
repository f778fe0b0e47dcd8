// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// For machines that only GRUB starts: the entry is PVH's, 32-bit and flat; what EBX points to is
// not used (Multiboot2 Specification 2.0, 3.1).

#define MAGIC 0xe85250d6
#define ENTRY_ADDRESS 3

  .section .text.start, "axR", @progbits  // within the first 32 KiB of the file
  .balign 8
1:
  .long MAGIC, 0, 2f - 1b, -(MAGIC + 2f - 1b)
  .short ENTRY_ADDRESS, 0
  .long 12, _start
  .balign 8
  .short 0, 0
  .long 8
2:

  .section .note.GNU-stack, "", @progbits
