/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* void RunModes(): from 64-bit code to compatibility mode, to 32-bit protected mode without paging,
   with PAE paging and with 32-bit paging, to 16-bit code and real mode, and all the way back (AMD
   APM 2, 14.4 to 14.7). In each of them a few exits, an exception and an interrupt; what they gave
   is in mode_traces and at MODES_REAL_TRACE. Interrupts are off before and after. */

#include "guest/testguest/x86_64/modes.h"

#define CODE64 0x08
#define DATA 0x10
#define CODE32 0x18
#define CODE16 0x20
#define DATA16 0x28

#define CR0_PE 0x1
#define CR0_PG 0x80000000
#define CR4_PSE 0x10
#define CR4_PAE 0x20
#define EFER 0xc0000080
#define EFER_LME 0x100
#define X2APIC_ID 0x802
#define X2APIC_VERSION 0x803
#define X2APIC_EOI 0x80b
#define X2APIC_SELF_IPI 0x83f
#define NO_SUCH_MSR 0xdeadbeef
#define NO_SUCH_PORT 0x1234
#define IO_APIC_SELECT 0xfec00000
#define IO_APIC_WINDOW 0xfec00010
#define IO_APIC_ENTRY 0x11

  .text
  .code64
  .globl RunModes
RunModes:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  sidt idt64
  movq %rsp, stack64
  movq %cr3, %rax
  movq %rax, cr3_64
  movq %cr4, %rax
  movq %rax, cr4_64
  pushq $CODE32
  pushq $compatibility
  lretq

  .code32
/* The probes of a mode that has 32-bit code, into its trace. */
.macro PROBE mode
  movl $(mode_traces + \mode * MODES_TRACE_SIZE), %ebp
  movl $\mode, %esi
  call probe
.endm

probe:
  movl $0x40000000, %eax
  xorl %ecx, %ecx
  cpuid
  movl %ebx, MODES_CPUID(%ebp)
  movl $NO_SUCH_PORT, %edx
  inl %dx, %eax
  movl %eax, MODES_PORT(%ebp)
  movl $X2APIC_VERSION, %ecx
  rdmsr
  movl %eax, MODES_MSR(%ebp)
  movl $IO_APIC_ENTRY, IO_APIC_SELECT
  addl $MODES_MARK, %esi
  shll $24, %esi
  movl %esi, IO_APIC_WINDOW
  movl IO_APIC_WINDOW, %eax
  movl %eax, MODES_DEVICE(%ebp)
  movl %cr0, %eax
  movl %eax, MODES_CR0(%ebp)
  movl %cr4, %eax
  movl %eax, MODES_CR4(%ebp)
  movl $EFER, %ecx
  rdmsr
  movl %eax, MODES_EFER(%ebp)
  movl $NO_SUCH_MSR, %ecx
  rdmsr
  movl $X2APIC_SELF_IPI, %ecx
  movl $MODES_VECTOR, %eax
  xorl %edx, %edx
  wrmsr
  sti
  nop
  movl $X2APIC_ID, %ecx /* as TakeInterrupts */
  rdmsr
  cli
  ret

compatibility:
  movl $DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  PROBE 0

  /* Out of long mode: paging off, by which EFER.LMA goes. */
  movl %cr0, %eax
  andl $~CR0_PG, %eax
  movl %eax, %cr0
  movl $EFER, %ecx
  rdmsr
  andl $~EFER_LME, %eax
  wrmsr
  lidt idt32_pointer
  PROBE 1

  movl $pae_pointers, %eax
  movl %eax, %cr3
  movl %cr0, %eax
  orl $CR0_PG, %eax
  movl %eax, %cr0
  PROBE 2

  movl %cr0, %eax
  andl $~CR0_PG, %eax
  movl %eax, %cr0
  movl %cr4, %eax
  andl $~CR4_PAE, %eax
  orl $CR4_PSE, %eax
  movl %eax, %cr4
  movl $legacy_directory, %eax
  movl %eax, %cr3
  movl %cr0, %eax
  orl $CR0_PG, %eax
  movl %eax, %cr0
  PROBE 3

  movl %cr0, %eax
  andl $~CR0_PG, %eax
  movl %eax, %cr0
  ljmp $CODE16, $0

  /* And back. */
from_real_mode:
  movl $DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  xorl %eax, %eax
  movl %eax, %fs
  movl %eax, %gs
  movl stack64, %esp
  lidt idt32_pointer
  PROBE 4

  movl cr4_64, %eax
  movl %eax, %cr4
  movl cr3_64, %eax
  movl %eax, %cr3
  movl $EFER, %ecx
  rdmsr
  orl $EFER_LME, %eax
  wrmsr
  movl %cr0, %eax
  orl $CR0_PG, %eax
  movl %eax, %cr0
  ljmp $CODE64, $long_mode

  .code64
long_mode:
  movl $DATA, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %ss
  lidt idt64
  movq stack64, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq

/* Handlers of 32-bit protected mode. Both find the trace in EBP. */
  .code32
  .globl fault32, interrupt32
fault32:
  addl $4, %esp                        /* error code */
  addl $2, (%esp)                      /* past RDMSR */
  incl MODES_FAULTS(%ebp)
  iretl
interrupt32:
  incl MODES_INTERRUPTS(%ebp)
  movl $X2APIC_EOI, %ecx
  xorl %eax, %eax
  xorl %edx, %edx
  wrmsr
  iretl

/* Copied to MODES_REAL_BASE, which is the base of the 16-bit segments as well. */
  .code16
  .globl real_mode_start, real_mode_end
real_mode_start:
  /* All six: real mode changes only their bases (Intel SDM 3A, 10.9.2). */
  movw $DATA16, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %fs
  movw %ax, %gs
  movw %ax, %ss
  lidtl real_idt_pointer - real_mode_start
  movl %cr0, %eax
  andl $~CR0_PE, %eax
  movl %eax, %cr0
  ljmp $MODES_REAL_SEGMENT, $(real_mode - real_mode_start)

real_mode:
  movw $MODES_REAL_SEGMENT, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movl $MODES_REAL_STACK, %esp
  movl $MODES_REAL_TRACE, %ebp

.macro VECTOR number, handler
  movw $(\handler - real_mode_start), %fs:(\number * 4)
  movw $MODES_REAL_SEGMENT, %fs:(\number * 4 + 2)
.endm
  xorw %ax, %ax
  movw %ax, %fs
  VECTOR 6, real_undefined
  VECTOR 13, real_fault
  VECTOR MODES_REAL_INT, real_software
  VECTOR MODES_VECTOR, real_interrupt

  movl $0x40000000, %eax
  xorl %ecx, %ecx
  cpuid
  movl %ebx, %ds:MODES_REAL_CPUID(%bp)
  movl %cr0, %eax
  movl %eax, %ds:MODES_REAL_CR0(%bp)
  int $MODES_REAL_INT
  ud2
  movl $NO_SUCH_MSR, %ecx
  rdmsr
  movl $X2APIC_SELF_IPI, %ecx
  movl $MODES_VECTOR, %eax
  xorl %edx, %edx
  wrmsr
  sti
  nop
  movl $X2APIC_ID, %ecx /* as TakeInterrupts */
  rdmsr
  cli
  movw $1000, %cx
1:
  incl %ds:MODES_REAL_TURNS(%bp)
  loop 1b
  /* Only CX and DI count, whatever is above them. */
  movl $0x11110003, %ecx
  movl $(0x22220000 + MODES_REAL_BUFFER), %edi
  movw $NO_SUCH_PORT, %dx
  rep insb
  movl %ecx, %ds:MODES_REAL_COUNT(%bp)
  movl %edi, %ds:MODES_REAL_INDEX(%bp)
  movl %esp, %ds:MODES_REAL_STACK_LEFT(%bp)

  movl %cr0, %eax
  orl $CR0_PE, %eax
  movl %eax, %cr0
  ljmpl $CODE32, $from_real_mode

real_undefined:
  incl %ds:MODES_REAL_UNDEFINED(%bp)
  jmp 2f
real_fault:
  incl %ds:MODES_REAL_FAULTS(%bp)
2:
  /* Past the instruction of two bytes. There is no error code in real mode. */
  pushw %bx
  movw %sp, %bx
  addw $2, %ss:2(%bx)
  popw %bx
  iretw
real_software:
  incl %ds:MODES_REAL_SOFTWARE(%bp)
  iretw
real_interrupt:
  incl %ds:MODES_REAL_INTERRUPTS(%bp)
  movl $X2APIC_EOI, %ecx
  xorl %eax, %eax
  xorl %edx, %edx
  wrmsr
  iretw

real_idt_pointer:
  .word 0x3ff
  .long 0
real_mode_end:

  .data
  .balign 8
idt64:
  .skip 16
idt32_pointer:
  .word 256 * 8 - 1
  .long idt32
  .bss
  .balign 8
  .globl idt32, mode_traces
idt32:
  .skip 256 * 8
mode_traces:
  .skip 5 * MODES_TRACE_SIZE
  .balign 8
stack64:
  .skip 8
cr3_64:
  .skip 8
cr4_64:
  .skip 8
  .balign 4096
  .globl pae_pointers, legacy_directory
legacy_directory:
  .skip 4096
pae_pointers:
  .skip 32
