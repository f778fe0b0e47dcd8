/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* From 32-bit protected mode without paging, where PVH and multiboot2 loaders start the image, to
   long mode. On entry: flat segments, the image at its physical addresses; EBX and ESI = what the
   loader handed over, EBP = physical address of the C++ function that makes a BootInfo of it:
   uint64_t(uint64_t ebx, uint64_t esi), which returns its physical address. */

#include "boot/x86_64/layout.h"

#define PAGE_PRESENT_WRITABLE 0x003    /* AMD APM 2, 5.4.1 */
#define PAGE_SUPERPAGE 0x083
#define SUPERPAGE_SIZE 0x200000
#define CR0_PAGING 0x80000000          /* AMD APM 2, 3.1.1 */
#define CR4_PAE 0x20                   /* AMD APM 2, 3.1.3 */
#define MSR_EFER 0xc0000080            /* AMD APM 2, 3.1.7 */
#define EFER_LONG_MODE_ENABLE 0x100

  .section .text.boot, "ax", @progbits
  .code32
  .globl _start32
  .type _start32, @function
_start32:
  cli
  cld

  /* The first 4 GiB one to one, with four page directories in a row. */
  movl $BULKHEAD_PHYSICAL(boot_pd), %edi
  movl $PAGE_SUPERPAGE, %eax
  movl $(4 * 512), %ecx
1:
  movl %eax, (%edi)
  movl $0, 4(%edi)
  addl $SUPERPAGE_SIZE, %eax
  addl $8, %edi
  loop 1b

  movl $BULKHEAD_PHYSICAL(boot_pdpt), %edi
  movl $(BULKHEAD_PHYSICAL(boot_pd) + PAGE_PRESENT_WRITABLE), %eax
  movl $4, %ecx
2:
  movl %eax, (%edi)
  addl $4096, %eax
  addl $8, %edi
  loop 2b

  /* The image at its link address: entry 511 of the top level, 510 of the next. */
  movl $BULKHEAD_PHYSICAL(boot_image_pd), %edi
  movl $(BULKHEAD_IMAGE_PHYSICAL + PAGE_SUPERPAGE), %eax
  movl $BULKHEAD_IMAGE_SUPERPAGES, %ecx
3:
  movl %eax, (%edi)
  addl $SUPERPAGE_SIZE, %eax
  addl $8, %edi
  loop 3b
  movl $(BULKHEAD_PHYSICAL(boot_image_pd) + PAGE_PRESENT_WRITABLE), BULKHEAD_PHYSICAL(boot_image_pdpt) + 510 * 8
  movl $(BULKHEAD_PHYSICAL(boot_pdpt) + PAGE_PRESENT_WRITABLE), BULKHEAD_PHYSICAL(boot_pml4)
  movl $(BULKHEAD_PHYSICAL(boot_image_pdpt) + PAGE_PRESENT_WRITABLE), BULKHEAD_PHYSICAL(boot_pml4) + 511 * 8

  /* AMD APM 2, 14.6.1: PAE, the page tables, long mode, then paging activates it. */
  movl %cr4, %eax
  orl $CR4_PAE, %eax
  movl %eax, %cr4
  movl $BULKHEAD_PHYSICAL(boot_pml4), %eax
  movl %eax, %cr3
  movl $MSR_EFER, %ecx
  rdmsr
  orl $EFER_LONG_MODE_ENABLE, %eax
  wrmsr
  movl %cr0, %eax
  orl $CR0_PAGING, %eax
  movl %eax, %cr0
  lgdt BULKHEAD_PHYSICAL(boot_gdt_pointer)
  ljmp $8, $BULKHEAD_PHYSICAL(boot_long_mode)

  .code64
boot_long_mode:
  movabsq $boot_high_half, %rax
  jmpq *%rax
boot_high_half:
  leaq boot_stack_top(%rip), %rsp
  xorl %eax, %eax
  movl %eax, %ss
  /* Writing a 32-bit register clears the upper half. */
  movl %ebx, %edi
  movl %esi, %esi
  movl %ebp, %eax
  xorl %ebp, %ebp
  movabsq $(BULKHEAD_IMAGE_VIRTUAL - BULKHEAD_IMAGE_PHYSICAL), %rcx
  addq %rcx, %rax
  call *%rax
  movq %rax, %rdi
  jmp _start64
  .size _start32, . - _start32

  .section .rodata.boot, "a", @progbits
  .balign 8
boot_gdt_pointer:
  .word BULKHEAD_BOOT_GDT_LIMIT
  .long BULKHEAD_PHYSICAL(boot_gdt)

  .section .bss.boot_tables, "aw", @nobits
  .balign 4096
boot_pml4:
  .skip 4096
boot_pdpt:
  .skip 4096
boot_pd:
  .skip 4 * 4096
boot_image_pdpt:
  .skip 4096
boot_image_pd:
  .skip 4096
