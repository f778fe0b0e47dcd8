// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Every way into the hypervisor, and back to user mode (Arm ARM DDI 0487, D1.3).

#define CONTEXT_SIZE 288
#define CPU_KERNEL_STACK 0
#define VCPU_GPR 0
#define VCPU_PC 8

// What follows is not executed, not even by speculation (Arm's whitepaper on straight-line
// speculation, 2020).
.macro return_exception
  eret
  dsb nsh
  isb
.endm

// Stores X0 to X30 at SP.
.macro store_general
  stp x0, x1, [sp, #0]
  stp x2, x3, [sp, #16]
  stp x4, x5, [sp, #32]
  stp x6, x7, [sp, #48]
  stp x8, x9, [sp, #64]
  stp x10, x11, [sp, #80]
  stp x12, x13, [sp, #96]
  stp x14, x15, [sp, #112]
  stp x16, x17, [sp, #128]
  stp x18, x19, [sp, #144]
  stp x20, x21, [sp, #160]
  stp x22, x23, [sp, #176]
  stp x24, x25, [sp, #192]
  stp x26, x27, [sp, #208]
  stp x28, x29, [sp, #224]
  str x30, [sp, #240]
.endm

// X0 = context: the state of the interrupted program besides the general registers. SP_EL0 for user
// mode.
.macro store_special
  mrs x1, sp_el0
  mrs x2, elr_el2
  mrs x3, spsr_el2
  mrs x4, esr_el2
  mrs x5, tpidr_el0
  stp x1, x2, [x0, #248]
  stp x3, x4, [x0, #264]
  str x5, [x0, #280]
.endm

// User mode's registers go where SP points: into the running thread's UserContext.
.macro user_entry handler
  store_general
  mov x0, sp
  store_special
  mrs x5, tpidr_el2
  ldr x5, [x5, #CPU_KERNEL_STACK]
  mov sp, x5
  mov x29, xzr
  mov x30, xzr
  b \handler
.endm

// The end of the hypervisor: a report, on a stack of its own, since the usual one may be the reason.
// Nobody needs the thread registers any more.
.macro crash kind
  msr tpidr_el0, x0
  mov x0, sp
  msr tpidr_el1, x0
  adrp x0, crash_stack_top
  add x0, x0, #:lo12:crash_stack_top
  sub sp, x0, #CONTEXT_SIZE
  mrs x0, tpidr_el0
  store_general
  mov x0, sp
  store_special
  mrs x1, tpidr_el1
  str x1, [x0, #248]
  mov x1, #\kind
  bl HandleCrash
.endm

.macro vector label
  .balign 128
  b \label
.endm

// While user mode runs, or the hypervisor.
  .section .text.vectors, "ax"
  .balign 2048
  .global HostVectors
HostVectors:
  vector CrashSync
  vector CrashIrq
  vector CrashFiq
  vector CrashSerror
  vector CrashSync
  vector CrashIrq
  vector CrashFiq
  vector CrashSerror
  .balign 128
  user_entry HandleUserSync
  .balign 128
  user_entry HandleUserInterrupt
  vector CrashFiq
  vector CrashSerror
  vector CrashSync
  vector CrashIrq
  vector CrashFiq
  vector CrashSerror
  .org HostVectors + 16 * 128  // an error if one of them is too long

// While a guest runs: SP is where GuestEnter left it, with the Vcpu and the place of its registers.
.macro guest_exit kind
  stp x0, x1, [sp, #-16]!
  ldr x0, [sp, #24]
  mov x1, #\kind
  b GuestExit
.endm

  .balign 2048
  .global GuestVectors
GuestVectors:
  vector CrashSync
  vector CrashIrq
  vector CrashFiq
  vector CrashSerror
  vector CrashSync
  vector CrashIrq
  vector CrashFiq
  vector CrashSerror
  .balign 128
  guest_exit 0
  .balign 128
  guest_exit 1
  vector CrashFiq
  vector CrashSerror
  .balign 128
  guest_exit 0
  .balign 128
  guest_exit 1
  vector CrashFiq
  vector CrashSerror
  .org GuestVectors + 16 * 128

  .text
CrashSync:
  crash 0
CrashIrq:
  crash 1
CrashFiq:
  crash 2
CrashSerror:
  crash 3

// [[noreturn]] void ReturnToUser(UserContext*)
  .global ReturnToUser
  .balign 16
ReturnToUser:
  mov sp, x0
  ldp x1, x2, [sp, #248]
  ldr x3, [sp, #264]
  ldr x4, [sp, #280]
  msr sp_el0, x1
  msr elr_el2, x2
  msr spsr_el2, x3
  msr tpidr_el0, x4
  ldp x0, x1, [sp, #0]
  ldp x2, x3, [sp, #16]
  ldp x4, x5, [sp, #32]
  ldp x6, x7, [sp, #48]
  ldp x8, x9, [sp, #64]
  ldp x10, x11, [sp, #80]
  ldp x12, x13, [sp, #96]
  ldp x14, x15, [sp, #112]
  ldp x16, x17, [sp, #128]
  ldp x18, x19, [sp, #144]
  ldp x20, x21, [sp, #160]
  ldp x22, x23, [sp, #176]
  ldp x24, x25, [sp, #192]
  ldp x26, x27, [sp, #208]
  ldp x28, x29, [sp, #224]
  ldr x30, [sp, #240]
  return_exception

// void GuestEnter(Vcpu*): runs the guest until an exit that FastExit leaves to the rest. struct
// arch::Vcpu: where X0 to X30 are, PC, PSTATE. The guest's system registers are loaded, HCR_EL2 and
// VBAR_EL2 set.
  .global GuestEnter
  .balign 16
GuestEnter:
  sub sp, sp, #112
  ldr x1, [x0, #VCPU_GPR]
  stp x0, x1, [sp]
  stp x29, x30, [sp, #16]
  add x29, sp, #16
  stp x19, x20, [sp, #32]
  stp x21, x22, [sp, #48]
  stp x23, x24, [sp, #64]
  stp x25, x26, [sp, #80]
  stp x27, x28, [sp, #96]
1:
  ldp x1, x2, [x0, #VCPU_PC]
  msr elr_el2, x1
  msr spsr_el2, x2
  ldr x0, [sp, #8]
  ldp x2, x3, [x0, #16]
  ldp x4, x5, [x0, #32]
  ldp x6, x7, [x0, #48]
  ldp x8, x9, [x0, #64]
  ldp x10, x11, [x0, #80]
  ldp x12, x13, [x0, #96]
  ldp x14, x15, [x0, #112]
  ldp x16, x17, [x0, #128]
  ldp x18, x19, [x0, #144]
  ldp x20, x21, [x0, #160]
  ldp x22, x23, [x0, #176]
  ldp x24, x25, [x0, #192]
  ldp x26, x27, [x0, #208]
  ldp x28, x29, [x0, #224]
  ldr x30, [x0, #240]
  ldp x0, x1, [x0, #0]
  return_exception

// From GuestVectors: X0 = place of the registers, X1 = kind, the guest's own X0 and X1 on the stack.
// The processor sets PAN itself only where HCR_EL2.TGE is set (Arm ARM, SCTLR_EL2.SPAN): here it is
// still the guest's.
  .balign 16
GuestExit:
  msr pan, #1
  stp x2, x3, [x0, #16]
  stp x4, x5, [x0, #32]
  stp x6, x7, [x0, #48]
  stp x8, x9, [x0, #64]
  stp x10, x11, [x0, #80]
  stp x12, x13, [x0, #96]
  stp x14, x15, [x0, #112]
  stp x16, x17, [x0, #128]
  stp x18, x19, [x0, #144]
  stp x20, x21, [x0, #160]
  stp x22, x23, [x0, #176]
  stp x24, x25, [x0, #192]
  stp x26, x27, [x0, #208]
  stp x28, x29, [x0, #224]
  str x30, [x0, #240]
  ldp x2, x3, [sp], #16
  stp x2, x3, [x0, #0]
  ldr x0, [sp]
  mrs x2, elr_el2
  mrs x3, spsr_el2
  stp x2, x3, [x0, #VCPU_PC]
  add x29, sp, #16
  bl GuestFastExit
  mov w1, w0
  ldr x0, [sp]
  tbnz w1, #0, 1b
  ldp x19, x20, [sp, #32]
  ldp x21, x22, [sp, #48]
  ldp x23, x24, [sp, #64]
  ldp x25, x26, [sp, #80]
  ldp x27, x28, [sp, #96]
  ldp x29, x30, [sp, #16]
  add sp, sp, #112
  ret

  .bss
  .balign 16
  .skip 8192
crash_stack_top:

  .section .note.GNU-stack, "", @progbits
