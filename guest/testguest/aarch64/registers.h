// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_AARCH64_REGISTERS_H_
#define BULKHEAD_GUEST_TESTGUEST_AARCH64_REGISTERS_H_

// The registers of EL1 and EL0 that nothing but a guest's own code changes: what one guest writes
// there, it must find again, and no other must. Those on which its own execution depends (SCTLR,
// TCR, TTBR0, MAIR, VBAR, CPACR, SP) are not among them: losing one of them ends the test.
//
// X(name, mark): mark is a value that can be written and that no reset and no use gives. FPCR and
// FPSR go by their numbers: the assembler knows their names only with floating point.

#define EACH_MARKED_REGISTER(X)             \
  X("ttbr1_el1", 0x5a00'0000'5a5a'5000)     \
  X("contextidr_el1", 0x5a5a'1234)          \
  X("tpidr_el0", 0x5a5a'5a5a'0000'0001)     \
  X("tpidrro_el0", 0x5a5a'5a5a'0000'0002)   \
  X("tpidr_el1", 0x5a5a'5a5a'0000'0003)     \
  X("sp_el0", 0x5a5a'5a5a'0000'0040)        \
  X("elr_el1", 0x5a5a'5a5a'0000'0050)       \
  X("spsr_el1", 0x2000'03c4)                \
  X("esr_el1", 0x5a00'5a5a)                 \
  X("far_el1", 0x5a5a'5a5a'0000'0060)       \
  X("afsr0_el1", 0x5a5a'0001)               \
  X("afsr1_el1", 0x5a5a'0002)               \
  X("amair_el1", 0x5a5a'5a5a'0000'0070)     \
  X("par_el1", 0x005a'5a5a'5000)            \
  X("csselr_el1", 0x2)                      \
  X("cntkctl_el1", 0x0e1)                   \
  X("cntv_cval_el0", 0x5a5a'5a5a'0000'0080) \
  X("s3_3_c4_c4_0", 0x0340'0000)            \
  X("s3_3_c4_c4_1", 0x0800'0015)

#define EIGHT_VECTORS(X, a, b, c, d, e, f, g, h) X(a) X(b) X(c) X(d) X(e) X(f) X(g) X(h)
#define EACH_VECTOR(X)                             \
  EIGHT_VECTORS(X, 0, 1, 2, 3, 4, 5, 6, 7)         \
  EIGHT_VECTORS(X, 8, 9, 10, 11, 12, 13, 14, 15)   \
  EIGHT_VECTORS(X, 16, 17, 18, 19, 20, 21, 22, 23) \
  EIGHT_VECTORS(X, 24, 25, 26, 27, 28, 29, 30, 31)

#endif  // BULKHEAD_GUEST_TESTGUEST_AARCH64_REGISTERS_H_
