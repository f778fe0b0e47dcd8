// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Reads every system register there could be, by its number: what can be read without an exception
// is either the same for all guests, or the virtual machine monitor's answer, or the hypervisor
// switches it (arch/aarch64/guest_registers.h, guest_interface.cc). A register of a new extension
// that is none of these would let one guest see another.

#include <algorithm>
#include <cstdint>

#include "guest/testguest/aarch64/cpu.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/tap.h"

// MRS X0, S3_op1_Cn_Cm_op2, by the 14 bits of op1, CRn, CRm, op2 (Arm ARM C6.2, MRS); eight bytes
// each with the return.
asm(R"(
  .pushsection .text
  .balign 8
read_any_register:
  .set number, 0
  .rept 16384
  .inst 0xd5380000 | (number << 5)
  ret
  .set number, number + 1
  .endr
  .popsection
)");
extern "C" const uint64_t read_any_register[];

namespace bulkhead::testguest {
namespace {

constexpr uint32_t kNumbers = 1 << 14;

constexpr uint16_t Number(uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
  return static_cast<uint16_t>(op1 << 11 | crn << 7 | crm << 3 | op2);
}

constexpr uint16_t kReachable[] = {
    // The machine's own, or the monitor's answer.
    Number(0, 0, 0, 0),    // MIDR_EL1
    Number(0, 0, 0, 5),    // MPIDR_EL1
    Number(0, 0, 0, 6),    // REVIDR_EL1
    Number(0, 1, 0, 1),    // ACTLR_EL1
    Number(0, 12, 1, 0),   // ISR_EL1
    Number(0, 12, 12, 5),  // ICC_SRE_EL1
    Number(1, 0, 0, 0),    // CCSIDR_EL1
    Number(1, 0, 0, 1),    // CLIDR_EL1
    Number(1, 0, 0, 6),    // SMIDR_EL1
    Number(1, 0, 0, 7),    // AIDR_EL1
    Number(3, 0, 0, 1),    // CTR_EL0
    Number(3, 0, 0, 7),    // DCZID_EL0
    Number(3, 2, 4, 0),    // RNDR
    Number(3, 2, 4, 1),    // RNDRRS
    Number(3, 14, 0, 0),   // CNTFRQ_EL0
    Number(3, 14, 0, 1),   // CNTPCT_EL0
    Number(3, 14, 0, 2),   // CNTVCT_EL0
    Number(3, 14, 0, 6),   // CNTVCTSS_EL0
    Number(0, 1, 2, 4),    // SMPRI_EL1: zero, without fine-grained traps only
    // PSTATE, and what an exception saves.
    Number(0, 4, 2, 0),  // SPSel
    Number(0, 4, 2, 2),  // CurrentEL
    Number(0, 4, 2, 3),  // PAN
    Number(0, 4, 2, 4),  // UAO
    Number(0, 4, 3, 0),  // ALLINT
    Number(3, 4, 2, 0),  // NZCV
    Number(3, 4, 2, 1),  // DAIF
    Number(3, 4, 2, 5),  // DIT
    Number(3, 4, 2, 6),  // SSBS
    // Switched.
    Number(0, 1, 0, 0),   // SCTLR_EL1
    Number(0, 1, 0, 2),   // CPACR_EL1
    Number(0, 2, 0, 0),   // TTBR0_EL1
    Number(0, 2, 0, 1),   // TTBR1_EL1
    Number(0, 2, 0, 2),   // TCR_EL1
    Number(0, 4, 0, 0),   // SPSR_EL1
    Number(0, 4, 0, 1),   // ELR_EL1
    Number(0, 4, 1, 0),   // SP_EL0
    Number(0, 5, 1, 0),   // AFSR0_EL1
    Number(0, 5, 1, 1),   // AFSR1_EL1
    Number(0, 5, 2, 0),   // ESR_EL1
    Number(0, 6, 0, 0),   // FAR_EL1
    Number(0, 7, 4, 0),   // PAR_EL1
    Number(0, 10, 2, 0),  // MAIR_EL1
    Number(0, 10, 3, 0),  // AMAIR_EL1
    Number(0, 12, 0, 0),  // VBAR_EL1
    Number(0, 12, 1, 1),  // DISR_EL1, which is VDISR_EL2
    Number(0, 13, 0, 1),  // CONTEXTIDR_EL1
    Number(0, 13, 0, 4),  // TPIDR_EL1
    Number(0, 14, 1, 0),  // CNTKCTL_EL1
    Number(2, 0, 0, 0),   // CSSELR_EL1
    Number(3, 4, 4, 0),   // FPCR
    Number(3, 4, 4, 1),   // FPSR
    Number(3, 13, 0, 2),  // TPIDR_EL0
    Number(3, 13, 0, 3),  // TPIDRRO_EL0
    Number(3, 13, 0, 5),  // TPIDR2_EL0, without fine-grained traps only
    Number(3, 14, 3, 0),  // CNTV_TVAL_EL0
    Number(3, 14, 3, 1),  // CNTV_CTL_EL0
    Number(3, 14, 3, 2),  // CNTV_CVAL_EL0
    // The virtual interrupt controller's interface, in ICH_VMCR, ICH_AP*R and the list registers.
    Number(0, 4, 6, 0),   // ICC_PMR_EL1
    Number(0, 12, 8, 0),  // ICC_IAR0_EL1
    Number(0, 12, 8, 2),  // ICC_HPPIR0_EL1
    Number(0, 12, 8, 3),  // ICC_BPR0_EL1
    Number(0, 12, 8, 4),  // ICC_AP0R0_EL1 to ICC_AP0R3_EL1
    Number(0, 12, 8, 5), Number(0, 12, 8, 6), Number(0, 12, 8, 7),
    Number(0, 12, 9, 0),  // ICC_AP1R0_EL1 to ICC_AP1R3_EL1
    Number(0, 12, 9, 1), Number(0, 12, 9, 2), Number(0, 12, 9, 3),
    Number(0, 12, 11, 3),  // ICC_RPR_EL1
    Number(0, 12, 12, 0),  // ICC_IAR1_EL1
    Number(0, 12, 12, 2),  // ICC_HPPIR1_EL1
    Number(0, 12, 12, 3),  // ICC_BPR1_EL1
    Number(0, 12, 12, 4),  // ICC_CTLR_EL1
    Number(0, 12, 12, 6),  // ICC_IGRPEN0_EL1
    Number(0, 12, 12, 7),  // ICC_IGRPEN1_EL1
};

// Identification: op1 0, c0, c1 to c7; the monitor answers. And the processor's own, in c11 and
// c15, which HCR_EL2.TIDCP traps, but not in QEMU 7.2, where some of them are there and constant.
bool IsLeftOut(uint32_t number) {
  const uint32_t crn = number >> 7 & 15;
  const bool identification = number >= Number(0, 0, 1, 0) && number <= Number(0, 0, 7, 7);
  return identification || crn == 11 || crn == 15;
}

bool CanRead(uint32_t number) {
  ExpectUndefined();
  asm volatile("blr %0" : : "r"(read_any_register + number) : "x0", "x30", "memory");
  return !WasUndefined();
}

}  // namespace

void CheckReach() {
  constexpr uint64_t kNoTraps = 3 << 24 | 3 << 20 | 3 << 16;  // SME, floating point, SVE
  uint64_t cpacr;
  asm volatile("mrs %0, cpacr_el1" : "=r"(cpacr));
  asm volatile("msr cpacr_el1, %0; isb" : : "r"(kNoTraps));
  uint32_t reached = 0;
  bool as_listed = true;
  for (uint32_t number = 0; number < kNumbers; ++number) {
    if (IsLeftOut(number) || !CanRead(number)) continue;
    ++reached;
    if (std::ranges::find(kReachable, number) != std::end(kReachable)) continue;
    as_listed = false;
    Line line;
    line << "# unexpected: S3_" << (number >> 11) << "_C" << (number >> 7 & 15) << "_C"
         << (number >> 3 & 15) << '_' << (number & 7) << "\n";
    Print(line.view());
  }
  asm volatile("msr cpacr_el1, %0; isb" : : "r"(cpacr));
  Check(reached > 40 && as_listed, "no system register is in reach but those that are switched");
}

}  // namespace bulkhead::testguest
