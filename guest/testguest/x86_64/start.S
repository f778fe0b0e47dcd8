/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* The test guest's entry (PVH: 32-bit, flat, EBX = start info), its way to long mode, and its
   interrupt stubs. */

  .section .note.pvh, "a", @note
  .balign 4
  .long 4
  .long 4
  .long 18                             /* XEN_ELFNOTE_PHYS32_ENTRY */
  .asciz "Xen"
  .long _start

  .section .text.start, "ax", @progbits
  .code32
  .globl _start
_start:
  cli
  cld
  movl %ebx, %ebp
  /* The first 4 GiB one to one, in 2 MiB pages. */
  movl $page_directories, %edi
  movl $0x83, %eax
  movl $2048, %ecx
1:
  movl %eax, (%edi)
  movl $0, 4(%edi)
  addl $0x200000, %eax
  addl $8, %edi
  loop 1b
  movl $page_pointers, %edi
  movl $(page_directories + 3), %eax
  movl $4, %ecx
2:
  movl %eax, (%edi)
  movl $0, 4(%edi)
  addl $4096, %eax
  addl $8, %edi
  loop 2b
  movl $(page_pointers + 3), page_top

  /* PAE, OSFXSR, OSXMMEXCPT; then EFER.LME; then paging and x87/SSE on (AMD APM 2, 14.6.1). */
  movl %cr4, %eax
  orl $0x620, %eax
  movl %eax, %cr4
  movl $page_top, %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx
  rdmsr
  orl $0x100, %eax
  wrmsr
  movl %cr0, %eax
  andl $0xfffffffb, %eax
  orl $0x80000002, %eax
  movl %eax, %cr0
  lgdt gdt_pointer
  ljmp $8, $3f

  .code64
3:
  movl $16, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
  movq $stack_top, %rsp
  movl %ebp, %edi
  call TestGuestMain
4:
  cli
  hlt
  jmp 4b

  /* One stub each, 16 bytes apart: vector and error code on the stack (AMD APM 2, 8.9). */
  .balign 16
  .globl interrupt_stubs
interrupt_stubs:
  .set vector, 0
  .rept 256
  .balign 16
  .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
      vector == 29 || vector == 30
  .else
  pushq $0
  .endif
  pushq $vector
  jmp interrupt_common
  .set vector, vector + 1
  .endr

interrupt_common:
  pushq %rax
  pushq %rcx
  pushq %rdx
  pushq %rbx
  pushq %rbp
  pushq %rsi
  pushq %rdi
  pushq %r8
  pushq %r9
  pushq %r10
  pushq %r11
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, %rdi
  movq %rsp, %rbx
  andq $-16, %rsp
  cld
  call HandleInterrupt
  movq %rbx, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %r11
  popq %r10
  popq %r9
  popq %r8
  popq %rdi
  popq %rsi
  popq %rbp
  popq %rbx
  popq %rdx
  popq %rcx
  popq %rax
  addq $16, %rsp
  iretq

  .section .rodata
  .balign 8
gdt:
  .quad 0
  .quad 0x00af9b000000ffff             /* 64-bit code */
  .quad 0x00cf93000000ffff             /* data */
gdt_pointer:
  .word 23
  .long gdt
  .long 0

  .bss
  .balign 4096
  .globl page_top
page_top:
  .skip 4096
page_pointers:
  .skip 4096
  .globl page_directories
page_directories:
  .skip 4 * 4096
  .skip 16384
stack_top:
