// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Every way into the hypervisor from user mode, and back.

#define CONTEXT_VECTOR 120
#define SYSCALL_VECTOR 256
#define USER_CODE 0x23
#define USER_DATA 0x1b

// struct arch::Cpu, through GS.
#define CPU_KERNEL_STACK %gs:0
#define CPU_CONTEXT_END %gs:8
#define CPU_SCRATCH %gs:16

.macro push_registers
  push %rax
  push %rcx
  push %rdx
  push %rbx
  push %rbp
  push %rsi
  push %rdi
  push %r8
  push %r9
  push %r10
  push %r11
  push %r12
  push %r13
  push %r14
  push %r15
.endm

.macro pop_registers
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %r11
  pop %r10
  pop %r9
  pop %r8
  pop %rdi
  pop %rsi
  pop %rbp
  pop %rbx
  pop %rdx
  pop %rcx
  pop %rax
.endm

  .text

// SYSCALL: RCX = return address, R11 = RFLAGS (AMD APM 3). The registers go where an interrupt
// would put them: into the current thread's UserContext.
  .global SyscallEntry
  .balign 16
SyscallEntry:
  swapgs
  mov %rsp, CPU_SCRATCH
  mov CPU_CONTEXT_END, %rsp
  pushq $USER_DATA
  pushq CPU_SCRATCH
  push %r11
  pushq $USER_CODE
  push %rcx
  pushq $0
  pushq $SYSCALL_VECTOR
  push_registers
  mov %rsp, %rdi
  mov CPU_KERNEL_STACK, %rsp
  xor %ebp, %ebp
  call HandleCall
  ud2

// One stub a vector: pushes an error code where the processor has not, and the vector.
  .global InterruptStubs
  .balign 16
InterruptStubs:
  .set vector, 0
  .rept 256
  .balign 16
  .if !((vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
  pushq $0
  .endif
  pushq $vector
  jmp Interrupt
  .set vector, vector + 1
  .endr

Interrupt:
  push_registers
  cld
  // NMI, double fault and machine check come on stacks of their own at any moment, even between
  // SWAPGS and a stack switch: they never look at GS.
  mov CONTEXT_VECTOR(%rsp), %rax
  cmp $2, %rax
  je 1f
  cmp $8, %rax
  je 1f
  cmp $18, %rax
  je 1f
  testb $3, CONTEXT_VECTOR+24(%rsp)
  jz 1f
  swapgs
  mov %rsp, %rdi
  mov CPU_KERNEL_STACK, %rsp
  // A gate leaves AC as it was, and with AC set SMAP allows everything (AMD APM 2, 5.6.7).
  pushq $2
  popfq
  xor %ebp, %ebp
  call HandleUserTrap
  ud2
1:
  mov %rsp, %rdi
  mov %rsp, %rbp
  and $-16, %rsp
  call HandleKernelTrap
  mov %rbp, %rsp
  pop_registers
  add $16, %rsp
  iretq

// [[noreturn]] void ReturnToUser(UserContext*)
  .global ReturnToUser
  .balign 16
ReturnToUser:
  mov %rdi, %rsp
  cmpl $SYSCALL_VECTOR, CONTEXT_VECTOR(%rsp)
  jne 2f
  // A call's return address is a user address: user space ends below the non-canonical hole, so
  // SYSRET cannot fault here.
  pop_registers
  mov 16(%rsp), %rcx
  mov 32(%rsp), %r11
  mov 40(%rsp), %rsp
  swapgs
  sysretq
2:
  pop_registers
  add $16, %rsp
  swapgs
  iretq

  .section .note.GNU-stack, "", @progbits
