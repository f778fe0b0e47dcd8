// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// An /init whose first instruction reads the virtual counter. It prints `measured userspace N`, N in
// nanoseconds, on the UART, straight to the hardware: no driver, no console, no virtio. The machine
// with and the one without a hypervisor have it at the same address; the kernel lets its registers
// be mapped with iomem=relaxed.

#define AT_FDCWD -100
#define S_IFCHR 0x2000
#define O_RDWR 2
#define PROT_READ_WRITE 3
#define MAP_SHARED 1
#define SYS_mknodat 33
#define SYS_openat 56
#define SYS_mmap 222

#define UART 0x09000000
#define UART_FLAGS 0x18
#define UART_TRANSMIT_FULL 5  // bit

  .text
  .globl _start
_start:
  mrs x19, cntvct_el0
  mrs x0, cntfrq_el0
  ldr x1, =1000000000
  mul x19, x19, x1
  udiv x19, x19, x0

  mov x0, #AT_FDCWD
  adr x1, memory
  mov x2, #S_IFCHR
  orr x2, x2, #0600
  mov x3, #0x101                       // major 1, minor 1
  mov x8, #SYS_mknodat
  svc #0

  mov x0, #AT_FDCWD
  adr x1, memory
  mov x2, #O_RDWR
  mov x8, #SYS_openat
  svc #0

  mov x4, x0
  mov x0, #0
  mov x1, #4096
  mov x2, #PROT_READ_WRITE
  mov x3, #MAP_SHARED
  ldr x5, =UART
  mov x8, #SYS_mmap
  svc #0
  mov x20, x0

  // The number's digits, from the last, before the newline.
  adrp x1, digits_end
  add x1, x1, #:lo12:digits_end
  mov x21, x1
  mov x2, #10
1:
  udiv x3, x19, x2
  msub x4, x3, x2, x19
  add w4, w4, #'0'
  strb w4, [x21, #-1]!
  mov x19, x3
  cbnz x19, 1b

  adrp x0, text
  add x0, x0, #:lo12:text
  adrp x1, text_end
  add x1, x1, #:lo12:text_end
  bl print
  mov x0, x21
  adrp x1, line_end
  add x1, x1, #:lo12:line_end
  bl print
2:
  b 2b

// Bytes from X0 up to X1.
print:
  ldr w2, [x20, #UART_FLAGS]
  tbnz w2, #UART_TRANSMIT_FULL, print
  ldrb w2, [x0], #1
  str w2, [x20]
  cmp x0, x1
  b.ne print
  ret

memory:
  .asciz "/memory"
  .balign 8
  .ltorg

  .data
text:
  .ascii "\nmeasured userspace "
text_end:
  .skip 20
digits_end:
  .ascii "\n"
line_end:

  .section .note.GNU-stack, "", @progbits
