// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_REGISTERS_H_
#define BULKHEAD_ARCH_AARCH64_REGISTERS_H_

// Access to system registers, and their bits (Arm ARM DDI 0487, D17; Arm IHI 0069, 12).

#include <cstdint>

namespace bulkhead::arch {

// `name` is what the assembler calls it.
#define BULKHEAD_READ_REGISTER(name)              \
  ([] {                                           \
    uint64_t value;                               \
    asm volatile("mrs %0, " #name : "=r"(value)); \
    return value;                                 \
  }())
#define BULKHEAD_WRITE_REGISTER(name, value) \
  asm volatile("msr " #name ", %0" : : "r"(uint64_t{value}) : "memory")

inline void InstructionBarrier() { asm volatile("isb" : : : "memory"); }

// HCR_EL2 (D17.2.48).
inline constexpr uint64_t kHcrVm = 1 << 0;    // stage 2 translation
inline constexpr uint64_t kHcrSwio = 1 << 1;  // set/way invalidation cleans, too
inline constexpr uint64_t kHcrFmo = 1 << 3;   // FIQ, IRQ and SError come to EL2;
inline constexpr uint64_t kHcrImo = 1 << 4;   // the guest has virtual ones
inline constexpr uint64_t kHcrAmo = 1 << 5;
inline constexpr uint64_t kHcrFb = 1 << 9;              // the guest's TLB maintenance is broadcast,
inline constexpr uint64_t kHcrBsuInner = 1 << 10;       // and its barriers reach as far
inline constexpr uint64_t kHcrTwi = 1 << 13;            // trap WFI
inline constexpr uint64_t kHcrTid3 = 1 << 18;           // trap identification registers, group 3
inline constexpr uint64_t kHcrTsc = 1 << 19;            // trap SMC
inline constexpr uint64_t kHcrTidcp = 1 << 20;          // trap implementation-defined registers
inline constexpr uint64_t kHcrTacr = 1 << 21;           // trap ACTLR_EL1
inline constexpr uint64_t kHcrTsw = 1 << 22;            // trap set/way maintenance
inline constexpr uint64_t kHcrTge = 1 << 27;            // EL0 belongs to the host
inline constexpr uint64_t kHcrRw = uint64_t{1} << 31;   // EL1 is AArch64
inline constexpr uint64_t kHcrE2h = uint64_t{1} << 34;  // the host at EL2 (VHE)
inline constexpr uint64_t kHcrTlor = uint64_t{1} << 35;  // trap LORegions
inline constexpr uint64_t kHcrTerr = uint64_t{1} << 36;  // trap error records

// While the hypervisor or user mode runs, and while a guest does. Pointer authentication, memory
// tagging, SCXTNUM and nested virtualisation trap for want of their bits.
inline constexpr uint64_t kHostHcr = kHcrE2h | kHcrTge | kHcrRw | kHcrAmo | kHcrImo | kHcrFmo;
inline constexpr uint64_t kGuestHcr =
    kHcrE2h | kHcrRw | kHcrVm | kHcrSwio | kHcrAmo | kHcrImo | kHcrFmo | kHcrFb | kHcrBsuInner |
    kHcrTwi | kHcrTid3 | kHcrTsc | kHcrTidcp | kHcrTacr | kHcrTsw | kHcrTlor | kHcrTerr;

// CPTR_EL2 with E2H (D17.2.31): SVE, SME and activity monitors trap for everybody, floating point
// for everybody but guests.
inline constexpr uint64_t kCptrFloatingPoint = 3 << 20;
inline constexpr uint64_t kCptrTrapTrace = 1 << 28;
inline constexpr uint64_t kCptrTrapAmu = 1 << 30;
inline constexpr uint64_t kHostCptr = kCptrTrapTrace | kCptrTrapAmu;
inline constexpr uint64_t kGuestCptr = kHostCptr | kCptrFloatingPoint;

// MDCR_EL2 (D17.2.92): debug, trace, profiling and performance registers trap.
inline constexpr uint64_t kMdcrTpmcr = 1 << 5;
inline constexpr uint64_t kMdcrTpm = 1 << 6;
inline constexpr uint64_t kMdcrTda = 1 << 9;
inline constexpr uint64_t kMdcrTdosa = 1 << 10;
inline constexpr uint64_t kMdcrTdra = 1 << 11;
inline constexpr uint64_t kMdcrTpms = 1 << 14;
inline constexpr uint64_t kMdcrTtrf = 1 << 19;
inline constexpr uint64_t kMdcr =
    kMdcrTpmcr | kMdcrTpm | kMdcrTda | kMdcrTdosa | kMdcrTdra | kMdcrTpms | kMdcrTtrf;

// MPAM2_EL2, MPAMIDR_EL1 and MPAMHCR_EL2 (Arm DDI 0598): a guest's accesses to its partition
// identifiers trap, and so do those of FEAT_SME for want of EnMPAMSM.
inline constexpr uint64_t kMpamTrap1 = uint64_t{1} << 48;   // MPAM1_EL1
inline constexpr uint64_t kMpamTrap0 = uint64_t{1} << 49;   // MPAM0_EL1
inline constexpr uint64_t kMpamTrapId = uint64_t{1} << 58;  // MPAMIDR_EL1; zero where it cannot
inline constexpr uint64_t kMpamHasHcr = 1 << 17;
inline constexpr uint64_t kMpamHasBandwidth = uint64_t{1} << 56;
inline constexpr uint64_t kMpamHcrTrapId = uint64_t{1} << 31;

// CNTHCTL_EL2 with E2H (D17.10.2): of the counters and timers user mode has the virtual counter
// only; guests have the virtual counter and timer, their physical ones trap.
inline constexpr uint64_t kCnthctl = 1 << 1;

// SCTLR_EL2 with E2H (D17.2.118).
inline constexpr uint64_t kSctlrMmu = 1 << 0;
inline constexpr uint64_t kSctlrCache = 1 << 2;
inline constexpr uint64_t kSctlrStackAlignment = 1 << 3;
inline constexpr uint64_t kSctlrStackAlignment0 = 1 << 4;
inline constexpr uint64_t kSctlrItd = 1 << 7;
inline constexpr uint64_t kSctlrSed = 1 << 8;
inline constexpr uint64_t kSctlrEos = 1 << 11;
inline constexpr uint64_t kSctlrInstructionCache = 1 << 12;
inline constexpr uint64_t kSctlrDze = 1 << 14;  // user mode may zero by cache line,
inline constexpr uint64_t kSctlrUct = 1 << 15;  // read CTR_EL0,
inline constexpr uint64_t kSctlrWxn = 1 << 19;  // writable is never executable
inline constexpr uint64_t kSctlrTscxt = 1 << 20;
inline constexpr uint64_t kSctlrEis = 1 << 22;
inline constexpr uint64_t kSctlrUci = 1 << 26;  // and clean caches (for a guest without MMU)
inline constexpr uint64_t kSctlrNtlsmd = 1 << 28;
inline constexpr uint64_t kSctlrLsmaoe = 1 << 29;
// Traps WFI and WFE of user mode: nTWI and nTWE are clear. SPAN is clear: PAN is set at every
// entry.
inline constexpr uint64_t kHostSctlr =
    kSctlrMmu | kSctlrCache | kSctlrStackAlignment | kSctlrStackAlignment0 | kSctlrItd | kSctlrSed |
    kSctlrEos | kSctlrInstructionCache | kSctlrDze | kSctlrUct | kSctlrWxn | kSctlrTscxt |
    kSctlrEis | kSctlrUci | kSctlrNtlsmd | kSctlrLsmaoe;

// PSTATE, as SPSR_ELx has it (C5.2.18).
inline constexpr uint64_t kPstateModeMask = 0x1f;
inline constexpr uint64_t kPstateEl0 = 0;
inline constexpr uint64_t kPstateEl1t = 4;
inline constexpr uint64_t kPstateEl1h = 5;
inline constexpr uint64_t kPstateDaif = 0xf << 6;
inline constexpr uint64_t kPstateIl = 1 << 20;
inline constexpr uint64_t kPstatePan = 1 << 22;
// What a VMM may ask for: NZCV, TCO, DIT, UAO, PAN, IL, SSBS, BTYPE, DAIF and the mode. No
// software step: the debug registers that go with it are not offered.
inline constexpr uint64_t kPstateAllowed = 0xf000'0000 | 1 << 25 | 1 << 24 | 1 << 23 | kPstatePan |
                                           kPstateIl | 1 << 12 | 3 << 10 | kPstateDaif |
                                           kPstateModeMask;

// Exception classes (D17.2.37).
enum ExceptionClass : uint32_t {
  kEcUnknown = 0x00,
  kEcWfx = 0x01,
  kEcFloatingPoint = 0x07,
  kEcSvc64 = 0x15,
  kEcHvc64 = 0x16,
  kEcSmc64 = 0x17,
  kEcSystemRegister = 0x18,
  kEcInstructionAbortLower = 0x20,
  kEcInstructionAbort = 0x21,
  kEcDataAbortLower = 0x24,
  kEcDataAbort = 0x25,
};
constexpr uint32_t ClassOf(uint64_t esr) { return esr >> 26 & 0x3f; }
inline constexpr uint64_t kEsrInstructionLength = 1 << 25;
// Aborts: the fault status, and its group (D17.2.37, ISS encoding for an abort).
inline constexpr uint64_t kFaultStatusMask = 0x3f;
inline constexpr uint64_t kFaultGroupMask = 0x3c;
inline constexpr uint64_t kFaultTranslation = 0x04;
inline constexpr uint64_t kFaultPermission = 0x0c;
inline constexpr uint64_t kFaultTableWalk = 1 << 7;  // S1PTW
// System register traps: all but the general register and the direction (D17.2.37).
inline constexpr uint64_t kSysRegMask = 0x3ffc1e;
constexpr uint64_t SysReg(uint64_t op0, uint64_t op1, uint64_t crn, uint64_t crm, uint64_t op2) {
  return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | crm << 1;
}
inline constexpr uint64_t kSysRegRead = 1;
inline constexpr uint64_t kIccSgi1r = SysReg(3, 0, 12, 11, 5);

// Identification (D17.2.61 and following).
constexpr uint64_t IdField(uint64_t id, unsigned shift) { return id >> shift & 0xf; }
inline constexpr unsigned kPfr0Mpam = 40;
inline constexpr unsigned kPfr0Ras = 28;
inline constexpr unsigned kPfr0Gic = 24;
inline constexpr unsigned kPfr1Sme = 24;
inline constexpr unsigned kPfr1MpamMinor = 16;
inline constexpr unsigned kDfr0PmuVer = 8;
inline constexpr unsigned kMmfr0PaRange = 0;
inline constexpr unsigned kMmfr0Fgt = 56;
inline constexpr unsigned kMmfr1VmidBits = 4;
inline constexpr unsigned kMmfr1Hcx = 40;

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_REGISTERS_H_
