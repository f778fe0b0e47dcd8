/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Bulkhead Authors */

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_MODES_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_MODES_H_

/* What modes.S and check_modes.cc agree on. */

/* Where real mode runs: a segment of 64 KiB with code, its trace and a stack. */
#define MODES_REAL_BASE 0x10000
#define MODES_REAL_SEGMENT 0x1000
#define MODES_REAL_TRACE 0x2000 /* offset of RealModeTrace */
#define MODES_REAL_BUFFER 0x3000
#define MODES_REAL_STACK 0x4000

/* A 4-byte field each. */
#define MODES_CPUID 0   /* EBX of CPUID 0x40000000 */
#define MODES_PORT 4    /* what a port that is not there reads as */
#define MODES_MSR 8     /* the x2APIC's version register */
#define MODES_DEVICE 12 /* the I/O APIC's entry, after MODES_MARK + mode was its destination */
#define MODES_CR0 16
#define MODES_CR4 20
#define MODES_EFER 24
#define MODES_FAULTS 28     /* #GP: 1 expected */
#define MODES_INTERRUPTS 32 /* 1 expected */
#define MODES_TRACE_SIZE 36

#define MODES_MARK 0x5a

#define MODES_REAL_CPUID 0
#define MODES_REAL_CR0 4
#define MODES_REAL_SOFTWARE 8    /* INT through the vector table: 1 expected */
#define MODES_REAL_INTERRUPTS 12 /* from the x2APIC: 1 expected */
#define MODES_REAL_FAULTS 16     /* #GP of an MSR that does not exist: 1 expected */
#define MODES_REAL_UNDEFINED 20  /* #UD: 1 expected */
#define MODES_REAL_STACK_LEFT 24 /* SP at the end */
#define MODES_REAL_TURNS 28
#define MODES_REAL_COUNT 32 /* CX after REP INSB */
#define MODES_REAL_INDEX 36 /* DI after it */

#define MODES_VECTOR 0x62
#define MODES_REAL_INT 0x60

#endif /* BULKHEAD_GUEST_TESTGUEST_X86_64_MODES_H_ */
