// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Where other processors begin: in real mode, at the start of a page below 1 MiB into which this is
// copied (Intel SDM 3A, 9.4.4). FillStartPage in start_cpu.cc knows what to fill in.

#define CR4_PAE (1 << 5)
#define EFER_MSR 0xc0000080
#define EFER_LME (1 << 8)
#define EFER_NXE (1 << 11)
#define CR0_LONG 0x80010033            /* PG, WP, NE, ET, MP, PE; caches on */
#define CODE_64 8

  .section .rodata.start_cpu, "a"
  .global CpuStart, CpuStartEnd, CpuStartTables, CpuStartGdt, CpuStartFar
  .balign 16
  .code16
CpuStart:
  cli
  cld
  mov %cs, %ax
  mov %ax, %ds
  lgdtl CpuStartGdt - CpuStart
  mov $CR4_PAE, %eax
  mov %eax, %cr4
  mov CpuStartTables - CpuStart, %eax
  mov %eax, %cr3
  mov $EFER_MSR, %ecx
  mov $(EFER_LME | EFER_NXE), %eax
  xor %edx, %edx
  wrmsr
  // Protection and paging at once: from real mode straight into long mode (AMD APM 2, 14.6.1).
  mov $CR0_LONG, %eax
  mov %eax, %cr0
  ljmpl *(CpuStartFar - CpuStart)

  .balign 8
  .code64
CpuStart64:
  movabs $OtherCpuEntry, %rax
  jmp *%rax

  .balign 8
CpuStartSegments:
  .quad 0
  .quad 0x00af9a000000ffff             /* code, 64 bit */
CpuStartGdt:
  .word CpuStartGdt - CpuStartSegments - 1
  .long CpuStartSegments - CpuStart    /* its address: plus the page's */
CpuStartFar:
  .long CpuStart64 - CpuStart          /* plus the page's address */
  .word CODE_64
  .balign 4
CpuStartTables:
  .long 0                              /* physical address of the first tables */
CpuStartEnd:

  .text
  .balign 16
OtherCpuEntry:
  mov g_starting_stack(%rip), %rsp
  xor %ebp, %ebp
  call StartedCpu
  ud2

  .section .note.GNU-stack, "", @progbits
