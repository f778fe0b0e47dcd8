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

#define EACH_VECTOR(X)                                                                           \
  X(0)                                                                                           \
  X(1)                                                                                           \
  X(2)                                                                                           \
  X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) \
      X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)

#endif  // BULKHEAD_GUEST_TESTGUEST_AARCH64_REGISTERS_H_
