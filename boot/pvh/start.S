/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* The direct entry. A PVH loader (QEMU -kernel, Xen) finds it through the note, loads the image at
   its physical addresses and starts it in 32-bit protected mode without paging: flat segments,
   interrupts off, EBX = physical address of hvm_start_info (Xen public ABI, start_info.h and
   "x86/HVM direct boot ABI"). */

#include "boot/x86_64/layout.h"

/* The only code that knows where the image lies physically. */
#define PHYSICAL(symbol) (symbol - BULKHEAD_IMAGE_VIRTUAL + BULKHEAD_PVH_IMAGE_PHYSICAL)

#define PAGE_PRESENT_WRITABLE 0x003    /* AMD APM 2, 5.4.1 */
#define PAGE_SUPERPAGE 0x083
#define SUPERPAGE_SIZE 0x200000
#define CR0_PAGING 0x80000000          /* AMD APM 2, 3.1.1 */
#define CR4_PAE 0x20                   /* AMD APM 2, 3.1.3 */
#define MSR_EFER 0xc0000080            /* AMD APM 2, 3.1.7 */
#define EFER_LONG_MODE_ENABLE 0x100
#define XEN_ELFNOTE_PHYS32_ENTRY 18

  .section .note.pvh, "a", @note
  .balign 4
  .long 4                              /* size of the owner's name */
  .long 4                              /* size of the descriptor */
  .long XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .long PHYSICAL(_start_pvh)

  .section .text.boot, "ax", @progbits
  .code32
  .globl _start_pvh
  .type _start_pvh, @function
_start_pvh:
  cli
  cld

  /* The first 4 GiB one to one, with four page directories in a row. */
  movl $PHYSICAL(pvh_pd), %edi
  movl $PAGE_SUPERPAGE, %eax
  movl $(4 * 512), %ecx
1:
  movl %eax, (%edi)
  movl $0, 4(%edi)
  addl $SUPERPAGE_SIZE, %eax
  addl $8, %edi
  loop 1b

  movl $PHYSICAL(pvh_pdpt), %edi
  movl $(PHYSICAL(pvh_pd) + PAGE_PRESENT_WRITABLE), %eax
  movl $4, %ecx
2:
  movl %eax, (%edi)
  addl $4096, %eax
  addl $8, %edi
  loop 2b

  /* The image at its link address: entry 511 of the top level, 510 of the next. */
  movl $PHYSICAL(pvh_image_pd), %edi
  movl $(BULKHEAD_PVH_IMAGE_PHYSICAL + PAGE_SUPERPAGE), %eax
  movl $BULKHEAD_IMAGE_SUPERPAGES, %ecx
3:
  movl %eax, (%edi)
  addl $SUPERPAGE_SIZE, %eax
  addl $8, %edi
  loop 3b
  movl $(PHYSICAL(pvh_image_pd) + PAGE_PRESENT_WRITABLE), PHYSICAL(pvh_image_pdpt) + 510 * 8
  movl $(PHYSICAL(pvh_pdpt) + PAGE_PRESENT_WRITABLE), PHYSICAL(pvh_pml4)
  movl $(PHYSICAL(pvh_image_pdpt) + PAGE_PRESENT_WRITABLE), PHYSICAL(pvh_pml4) + 511 * 8

  /* AMD APM 2, 14.6.1: PAE, the page tables, long mode, then paging activates it. */
  movl %cr4, %eax
  orl $CR4_PAE, %eax
  movl %eax, %cr4
  movl $PHYSICAL(pvh_pml4), %eax
  movl %eax, %cr3
  movl $MSR_EFER, %ecx
  rdmsr
  orl $EFER_LONG_MODE_ENABLE, %eax
  wrmsr
  movl %cr0, %eax
  orl $CR0_PAGING, %eax
  movl %eax, %cr0
  lgdt PHYSICAL(pvh_gdt_pointer)
  ljmp $8, $PHYSICAL(pvh_long_mode)

  .code64
pvh_long_mode:
  movabsq $pvh_high_half, %rax
  jmpq *%rax
pvh_high_half:
  leaq boot_stack_top(%rip), %rsp
  xorl %ebp, %ebp
  xorl %eax, %eax
  movl %eax, %ss
  movl %ebx, %edi
  call PvhMain                         /* returns the BootInfo's physical address */
  movq %rax, %rdi
  jmp _start64
  .size _start_pvh, . - _start_pvh

  .section .rodata.boot, "a", @progbits
  .balign 8
pvh_gdt_pointer:
  .word BULKHEAD_BOOT_GDT_LIMIT
  .long PHYSICAL(boot_gdt)

  .section .bss.pvh_tables, "aw", @nobits
  .balign 4096
pvh_pml4:
  .skip 4096
pvh_pdpt:
  .skip 4096
pvh_pd:
  .skip 4 * 4096
pvh_image_pdpt:
  .skip 4096
pvh_image_pd:
  .skip 4096
