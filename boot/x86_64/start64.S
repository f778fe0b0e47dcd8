/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* The one 64-bit entry of the hypervisor image, for every loader. On entry: long mode with four
   levels of page tables, interrupts off, the image mapped at its link address, the BootInfo and
   what it names mapped one to one, RDI = the BootInfo's address. Nothing of the loader's GDT, IDT
   and stack is used from here on. */

#include "boot/x86_64/layout.h"

#define CR0_WRITE_PROTECT (1 << 16)    /* AMD APM 2, 3.1.1 */
#define CR0_NOT_WRITE_THROUGH (1 << 29)
#define CR0_CACHE_DISABLE (1 << 30)
#define MSR_EFER 0xc0000080            /* AMD APM 2, 3.1.7 */
#define EFER_NO_EXECUTE_ENABLE (1 << 11)
#define BOOT_STACK_SIZE 32768

  .section .text.boot, "ax", @progbits
  .code64
  .globl _start64
  .type _start64, @function
_start64:
  cli
  cld
  leaq boot_stack_top(%rip), %rsp
  xorl %ebp, %ebp

  /* The firmware's descriptor tables may lie in memory that is free from now on. */
  lgdt boot_gdt_pointer64(%rip)
  lidt boot_no_idt(%rip)               /* a fault before the hypervisor's own IDT resets */
  pushq $8
  leaq 1f(%rip), %rax
  pushq %rax
  lretq
1:
  xorl %eax, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %fs
  movl %eax, %gs
  movl %eax, %ss
  lldt %ax

  /* The hypervisor's first page tables have no-execute bits and read-only pages. */
  movl $MSR_EFER, %ecx
  rdmsr
  orl $EFER_NO_EXECUTE_ENABLE, %eax
  wrmsr
  movq %cr0, %rax
  orq $CR0_WRITE_PROTECT, %rax
  /* Both are set at reset, and not every BIOS clears them (Bochs'). */
  andq $~(CR0_NOT_WRITE_THROUGH | CR0_CACHE_DISABLE), %rax
  movq %rax, %cr0

  call HypervisorMain                  /* does not return; RDI is still the BootInfo */
2:
  hlt
  jmp 2b
  .size _start64, . - _start64

  .section .rodata.boot, "a", @progbits
  .balign 8
  .globl boot_gdt
boot_gdt:
  .quad 0
  .quad 0x00af9b000000ffff             /* 64-bit code, ring 0, accessed: AMD APM 2, 4.8.1 */
boot_gdt_pointer64:
  .word BULKHEAD_BOOT_GDT_LIMIT
  .quad boot_gdt
boot_no_idt:
  .word 0
  .quad 0

  .section .bss.boot_stack, "aw", @nobits
  .balign 16
boot_stack:
  .skip BOOT_STACK_SIZE
  .globl boot_stack_top
boot_stack_top:
