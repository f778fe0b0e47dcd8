// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// An /init whose first instruction reads the time-stamp counter. It prints `measured userspace N`
// on the serial port at 0x3f8, straight to the hardware: no driver, no console, no virtio.

#define SYS_iopl 172
#define SYS_reboot 169
#define SERIAL 0x3f8
#define XEN_DEBUG 0xe9

  .text
  .globl _start
_start:
  rdtsc
  shlq $32, %rdx
  orq %rdx, %rax
  movq %rax, %r12

  movl $SYS_iopl, %eax
  movl $3, %edi
  syscall

  // The number's digits, from the last, before the newline.
  leaq digits_end(%rip), %rdi
  movq %r12, %rax
  movl $10, %ecx
1:
  xorl %edx, %edx
  divq %rcx
  addl $'0', %edx
  decq %rdi
  movb %dl, (%rdi)
  testq %rax, %rax
  jnz 1b
  movq %rdi, %rbx

  movl $SERIAL, %edx
  call print_line
  // Xen's PVH guests have no UART; what goes to this port appears in its log.
  movl $XEN_DEBUG, %edx
  call print_line
  // Where there is a way to, end the machine: what started it may wait for that.
  movl $SYS_reboot, %eax
  movl $0xfee1dead, %edi
  movl $672274793, %esi
  movl $0x4321fedc, %edx
  syscall
2:
  jmp 2b

// The line, its digits from RBX, to port DX.
print_line:
  leaq text(%rip), %rsi
  leaq text_end(%rip), %rdi
  call print
  movq %rbx, %rsi
  leaq line_end(%rip), %rdi

// Bytes from RSI up to RDI to port DX.
print:
3:
  movb (%rsi), %al
  outb %al, %dx
  incq %rsi
  cmpq %rdi, %rsi
  jne 3b
  ret

  .data
text:
  .ascii "\nmeasured userspace "
text_end:
  .skip 20
digits_end:
  .ascii "\n"
line_end:

  .section .note.GNU-stack, "", @progbits
