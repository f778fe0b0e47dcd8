/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

/* The two entries of the hypervisor image. Both run at the image's physical address, which may be
   any multiple of 2 MiB, with interrupts masked:

     the first byte   an arm64 Linux Image ("Booting AArch64 Linux", Linux's documentation):
                      MMU off, X0 = physical address of the devicetree
     _start           boot/boot_info.h: MMU off, or on with memory one to one,
                      X0 = physical address of the BootInfo

   At EL2 with VHE, names of EL1 registers mean those of EL2 (Arm ARM, HCR_EL2.E2H), and translation
   has EL1's form. So what follows the checks also runs at EL1, where BootMain says why this machine
   cannot run the hypervisor. */

#include "boot/aarch64/start.h"
#include "boot/layout.h"

#define BOOT_STACK_SIZE 32768

#define IMAGE_FLAGS ((1 << 1) | (1 << 3)) /* little-endian, 4 KiB pages, anywhere in memory */

#define CURRENT_EL_SHIFT 2             /* Arm ARM, CurrentEL */
#define HCR_E2H (1 << 34)              /* Arm ARM, HCR_EL2 */
#define HCR_RW (1 << 31)
#define HCR_TGE (1 << 27)
#define SPSR_EL1H_MASKED 0x3c5         /* Arm ARM, SPSR_EL2: EL1, SP_EL1; D, A, I, F masked */

/* Bits that are one where nothing else is said, for EL2 without VHE and for EL1 (Arm ARM,
   SCTLR_EL2, SCTLR_EL1). */
#define SCTLR_EL2_ONES 0x30c50830
#define SCTLR_EL1_ONES 0x30d00800
#define SCTLR_MMU (1 << 0)
#define SCTLR_DATA_CACHE (1 << 2)
#define SCTLR_STACK_ALIGNMENT (1 << 3)
#define SCTLR_INSTRUCTION_CACHE (1 << 12)

/* Attribute indexes, shared with the hypervisor's own tables: 0 Device-nGnRE, 1 Normal write-back,
   2 Normal non-cacheable (Arm ARM, MAIR_EL1). */
#define MAIR 0x44ff04

/* Arm ARM, TCR_EL1: 48 bits, 4 KiB pages, inner shareable write-back walks, on both halves; the ASID
   is TTBR1's. */
#define TCR ((16 << 0) | (1 << 8) | (1 << 10) | (3 << 12) | (0 << 14) | \
             (16 << 16) | (1 << 22) | (1 << 24) | (1 << 26) | (3 << 28) | (2 << 30))
#define TCR_IPS_SHIFT 32
#define PHYSICAL_48_BITS 5             /* ID_AA64MMFR0_EL1.PARange; more needs larger descriptors */

/* Arm ARM D8.3: descriptors. Accessed; never executable at EL0; devices nowhere executable. */
#define TABLE 3
#define NORMAL_BLOCK ((1 << 54) | (1 << 10) | (3 << 8) | (1 << 2) | 1)
#define NOT_GLOBAL (1 << 11)
#define DEVICE_BLOCK ((3 << 53) | (1 << 10) | (0 << 2) | 1)
#define GIGABYTE 0x40000000
#define SUPERPAGE 0x200000

  .macro load_address register, symbol
  adrp \register, \symbol
  add \register, \register, :lo12:\symbol
  .endm

  .section .text.image_header, "ax", %progbits
  b _start_image
  .word 0
  .quad 0                              /* offset from the multiple of 2 MiB */
  .quad __image_size
  .quad IMAGE_FLAGS
  .quad 0, 0, 0
  .ascii "ARM\x64"
  .word 0

  .section .text.boot, "ax", %progbits
  .type _start_image, %function
_start_image:
  mov x19, #BULKHEAD_ENTRY_IMAGE
  b start
  .size _start_image, . - _start_image

  .globl _start
  .type _start, %function
_start:
  mov x19, #BULKHEAD_ENTRY_BOOT_INFO

/* From here to start_high: X19 the entry, X20 the argument, X21 the refusal. */
start:
  msr DAIFSet, #15
  mov x20, x0
  mov x21, #BULKHEAD_REFUSAL_NONE
  mrs x0, CurrentEL
  cmp x0, #(2 << CURRENT_EL_SHIFT)
  b.eq 1f
  b.hi stop
  mov x21, #BULKHEAD_REFUSAL_NOT_EL2
  b checked
1:
  ldr x0, =SCTLR_EL2_ONES              /* no translation while its form changes */
  msr SCTLR_EL2, x0
  isb
  mrs x0, ID_AA64MMFR1_EL1
  ubfx x0, x0, #8, #4                  /* VH: the Virtualization Host Extensions */
  cbz x0, 2f
  ldr x0, =(HCR_E2H | HCR_TGE | HCR_RW)
  msr HCR_EL2, x0
  isb
  b checked
2:
  mov x21, #BULKHEAD_REFUSAL_NO_VHE
  ldr x0, =HCR_RW
  msr HCR_EL2, x0
  mov x0, #SPSR_EL1H_MASKED
  msr SPSR_EL2, x0
  adr x0, checked
  msr ELR_EL2, x0
  eret

checked:
  ldr x0, =SCTLR_EL1_ONES
  msr SCTLR_EL1, x0
  isb
  ic iallu                             /* the loader wrote the image as data */
  dsb nsh
  isb
  msr SPSel, #1
  bl clear_bss
  bl make_tables
  bl enable_mmu
  ldr x0, =start_high
  br x0

/* At the link address, with a stack. */
start_high:
  load_address x0, boot_stack_top
  mov sp, x0
  mov x29, #0
  mov x30, #0
  ldr x0, =boot_vectors
  msr VBAR_EL1, x0
  isb
  mov x0, x19
  mov x1, x20
  mov x2, x21
  mov x3, x22                          /* the image's physical address, from make_tables */
  bl BootMain                          /* returns the BootInfo's physical address */
  bl HypervisorMain                    /* does not return */
stop:
  wfe
  b stop
  .size _start, . - _start

/* Another processor: PSCI starts it here, at EL2 with the MMU off. Its first tables are those of the
   first one, which checked what is checked above; of the image it uses only what was loaded, until
   the caches are on. It comes alone: the boot stack is free. */
  .globl StartOther
  .weak AdoptStack, StartedCpu         /* the hypervisor's; what stands in for it in tests has none */
  .type StartOther, %function
StartOther:
  msr DAIFSet, #15
  ldr x0, =SCTLR_EL2_ONES
  msr SCTLR_EL2, x0
  isb
  ldr x0, =(HCR_E2H | HCR_TGE | HCR_RW)
  msr HCR_EL2, x0
  isb
  ldr x0, =SCTLR_EL1_ONES
  msr SCTLR_EL1, x0
  isb
  ic iallu
  dsb nsh
  isb
  msr SPSel, #1
  bl enable_mmu
  ldr x0, =start_other_high
  br x0
start_other_high:
  load_address x0, boot_stack_top
  mov sp, x0
  mov x29, #0
  mov x30, #0
  ldr x0, =boot_vectors
  msr VBAR_EL1, x0
  isb
  bl AdoptStack
  mov sp, x0
  mov x29, #0
  bl StartedCpu                        /* does not return */
  .size StartOther, . - StartOther

/* What is written with the MMU off goes past the caches, so no line of them may hold that memory:
   neither a dirty one, written back later, nor one that was fetched early. */
clean_invalidate_bss:
  load_address x0, __bss_start
  load_address x1, __image_end
  mrs x2, CTR_EL0
  ubfx x2, x2, #16, #4                 /* DminLine, log2 of words: Arm ARM, CTR_EL0 */
  mov x3, #4
  lsl x2, x3, x2
1:
  dc civac, x0
  add x0, x0, x2
  cmp x0, x1
  b.lo 1b
  dsb sy
  ret

clear_bss:
  mov x28, x30
  bl clean_invalidate_bss
  load_address x0, __bss_start
  load_address x1, __image_end
1:
  stp xzr, xzr, [x0], #16
  cmp x0, x1
  b.lo 1b
  ret x28

/* Returns X22 = the image's physical address. X23: the next free table. */
make_tables:
  mov x28, x30
  load_address x22, __image_start
  load_address x23, boot_spare_tables

  /* The low 512 GiB one to one, as devices. */
  load_address x0, boot_devices
  load_address x1, boot_low_root
  orr x2, x0, #TABLE
  str x2, [x1]
  ldr x2, =DEVICE_BLOCK
  mov x3, #GIGABYTE
  add x4, x0, #4096
1:
  str x2, [x0], #8
  add x2, x2, x3
  cmp x0, x4
  b.lo 1b

  /* As memory: what holds the image, and what the loader's argument points to. */
  mov x0, x22
  bl map_gigabyte
  load_address x0, __image_end
  sub x0, x0, #1
  bl map_gigabyte
  mov x0, x20
  bl map_gigabyte

  /* The image at its link address: entry 511 of the root, 510 of the next table. With ASID 0, so
     that the hypervisor can map it by smaller pages (arch/aarch64/paging.cc). */
  load_address x0, boot_high_root
  load_address x1, boot_image_gigabytes
  load_address x2, boot_image_superpages
  orr x3, x1, #TABLE
  str x3, [x0, #(511 * 8)]
  orr x3, x2, #TABLE
  str x3, [x1, #(510 * 8)]
  ldr x3, =(NORMAL_BLOCK | NOT_GLOBAL)
  orr x3, x3, x22
  mov x4, #SUPERPAGE
  mov x5, #BULKHEAD_IMAGE_SUPERPAGES
2:
  str x3, [x2], #8
  add x3, x3, x4
  subs x5, x5, #1
  b.ne 2b
  bl clean_invalidate_bss
  ret x28

/* Maps the GiB that holds the address in X0 one to one, as memory. */
map_gigabyte:
  load_address x1, boot_low_root
  ubfx x2, x0, #39, #9
  ldr x3, [x1, x2, lsl #3]
  cbnz x3, 1f
  orr x3, x23, #TABLE
  add x23, x23, #4096
  str x3, [x1, x2, lsl #3]
1:
  and x3, x3, #~0xfff
  ubfx x2, x0, #30, #9
  and x0, x0, #0x0000ffffc0000000
  ldr x1, =NORMAL_BLOCK
  orr x0, x0, x1
  str x0, [x3, x2, lsl #3]
  ret

enable_mmu:
  ldr x0, =MAIR
  msr MAIR_EL1, x0
  ldr x0, =TCR
  mrs x1, ID_AA64MMFR0_EL1
  and x1, x1, #15
  cmp x1, #PHYSICAL_48_BITS
  mov x2, #PHYSICAL_48_BITS
  csel x1, x1, x2, lo
  orr x0, x0, x1, lsl #TCR_IPS_SHIFT
  msr TCR_EL1, x0
  load_address x0, boot_low_root
  msr TTBR0_EL1, x0
  load_address x0, boot_high_root
  msr TTBR1_EL1, x0
  isb
  tlbi vmalle1
  dsb nsh
  isb
  ldr x0, =(SCTLR_EL1_ONES | SCTLR_MMU | SCTLR_DATA_CACHE | SCTLR_STACK_ALIGNMENT | \
            SCTLR_INSTRUCTION_CACHE)
  msr SCTLR_EL1, x0
  isb
  ret

  .ltorg

/* Until the hypervisor has its own, every exception is the end (Arm ARM, D1.3, exception vectors: 16 of 128
   bytes). The stack may be what is broken. */
  .balign 2048
boot_vectors:
  .rept 16
  b boot_exception
  .balign 128
  .endr
boot_exception:
  load_address x0, boot_stack_top
  mov sp, x0
  mov x29, #0
  mrs x0, ESR_EL1
  mrs x1, ELR_EL1
  mrs x2, FAR_EL1
  bl BootException
  b stop

  .section .bss.boot_tables, "aw", %nobits
  .balign 4096
boot_low_root:
  .skip 4096
boot_devices:
  .skip 4096
boot_spare_tables:
  .skip 3 * 4096                       /* one for each map_gigabyte */
boot_high_root:
  .skip 4096
boot_image_gigabytes:
  .skip 4096
boot_image_superpages:
  .skip 4096

  .section .bss.boot_stack, "aw", %nobits
  .balign 16
boot_stack:
  .skip BOOT_STACK_SIZE
boot_stack_top:
