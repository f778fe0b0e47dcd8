// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <libfdt.h>

#include "guest/testguest/aarch64/cpu.h"
#include "guest/testguest/checks.h"
#include "guest/testguest/tap.h"
#include "vmm/aarch64/smccc.h"

namespace bulkhead::testguest {
namespace {

uint64_t Field(uint64_t value, uint32_t lowest_bit) { return value >> lowest_bit & 0xf; }

void CheckFirmware() {
  using namespace smccc;  // NOLINT(google-build-using-namespace)
  CheckEqual(CallFirmware(kPsciVersion).x0, 0x1'0001, "PSCI 1.1 by HVC");
  CheckEqual(CallSecureFirmware(kPsciVersion).x0, 0x1'0001, "PSCI 1.1 by SMC");
  CheckEqual(CallFirmware(kVersion).x0, 0x1'0001, "SMCCC 1.1");
  CheckEqual(CallFirmware(kPsciFeatures, kPsciCpuOn | kSixtyFour).x0, 0, "PSCI has CPU_ON");
  CheckEqual(CallFirmware(kPsciFeatures, kVersion).x0, 0, "PSCI says that there is SMCCC");
  CheckEqual(CallFirmware(kPsciFeatures, 0x8400'0005).x0, kNotSupported, "PSCI has no MIGRATE");
  CheckEqual(CallFirmware(kPsciCpuOn | kSixtyFour, 0, 0x4000'0000).x0, kAlreadyOn,
             "the first processor is on");
  CheckEqual(CallFirmware(kPsciCpuOn | kSixtyFour, 0x100, 0x4000'0000).x0, kInvalidParameters,
             "there is no processor 0.0.1.0");
  CheckEqual(CallFirmware(kPsciAffinityInfo | kSixtyFour, 0, 0).x0, 0, "affinity info: on");
  CheckEqual(CallFirmware(0x8600'1234).x0, kNotSupported, "unknown hypercall");
  CheckEqual(CallFirmware(0).x0, kNotSupported, "hypercall 0");
  uint64_t x0 = kPsciVersion;
  asm volatile("mov x0, %0; hvc #77; mov %0, x0" : "+r"(x0) : : "x0", "x1", "x2", "x3", "memory");
  CheckEqual(x0, kNotSupported, "hypercall with another immediate");
}

void CheckFeatures() {
  uint64_t pfr0 = 0, pfr1 = 0, dfr0 = 0, isar1 = 0, mmfr0 = 0, mmfr1 = 0, zfr0 = 0;
  bool all = READ_REGISTER("id_aa64pfr0_el1", &pfr0) && READ_REGISTER("id_aa64pfr1_el1", &pfr1);
  all = all && READ_REGISTER("id_aa64dfr0_el1", &dfr0) && READ_REGISTER("id_aa64isar1_el1", &isar1);
  all = all && READ_REGISTER("id_aa64mmfr0_el1", &mmfr0) &&
        READ_REGISTER("id_aa64mmfr1_el1", &mmfr1) && READ_REGISTER("s3_0_c0_c4_4", &zfr0);
  Check(all, "identification registers can be read");
  CheckEqual(pfr0 & 0xffff, 0x11, "EL1 and EL0 in AArch64 only; no EL2, no EL3");
  CheckEqual(Field(pfr0, 24), 1, "GIC by system registers");
  Check(Field(pfr0, 28) == 0 && Field(pfr0, 44) == 0 && Field(pfr0, 40) == 0, "no RAS, AMU, MPAM");
  Check(Field(pfr0, 32) == 0 && zfr0 == 0, "no SVE");
  Check(Field(pfr1, 8) == 0 && Field(pfr1, 24) == 0, "no MTE, no SME");
  Check(Field(isar1, 4) == 0 && Field(isar1, 8) == 0, "no pointer authentication");
  CheckEqual(dfr0 & 0xfff, 6, "Armv8 debug, no trace, no performance monitors");
  Check(Field(mmfr0, 0) <= 2, "at most 40 bits of address");
  CheckEqual(Field(mmfr1, 8), 0, "no virtualisation host extensions");
  uint64_t other = 1;
  Check(READ_REGISTER("s3_0_c0_c1_0", &other) && other == 0, "no AArch32");
  Check(!WRITE_REGISTER("s3_0_c0_c4_0", 0), "identification cannot be written");
  uint64_t mpidr = 0;
  asm volatile("mrs %0, mpidr_el1" : "=r"(mpidr));
  CheckEqual(mpidr & 0xff'00ff'ffff, 0, "affinity 0.0.0.0");
}

void CheckRefusals() {
  uint64_t value = 0;
  Check(!READ_REGISTER("s3_0_c15_c0_0", &value), "implementation-defined register: undefined");
  Check(!READ_REGISTER("s3_3_c9_c12_0", &value), "PMCR: undefined");
  Check(!READ_REGISTER("s3_3_c14_c2_1", &value), "physical timer: undefined");
  Check(!READ_REGISTER("s3_0_c10_c4_7", &value), "LORID: undefined");
  Check(!READ_REGISTER("s3_0_c2_c1_0", &value), "pointer authentication key: undefined");
  Check(!READ_REGISTER("s3_4_c1_c1_0", &value), "HCR_EL2: undefined");
  // Where the processor has SVE, CPACR_EL1.ZEN would trap it to EL1 first.
  uint64_t cpacr;
  asm volatile("mrs %0, cpacr_el1" : "=r"(cpacr));
  ExpectUndefined();
  asm volatile("msr cpacr_el1, %0; isb" : : "r"(cpacr | 3 << 16));
  asm volatile(".inst 0x04bf5020" : : : "x0");  // rdvl x0, #1
  Check(WasUndefined(), "SVE instruction: undefined");
  asm volatile("msr cpacr_el1, %0; isb" : : "r"(cpacr));
  ExpectUndefined();
  asm volatile(".inst 0");
  Check(WasUndefined(), "no instruction at all: undefined");
  Check(WRITE_REGISTER("oslar_el1", 0), "OSLAR may be written");
  Check(READ_REGISTER("oslsr_el1", &value) && value == 8, "OS lock is open");
  Check(WRITE_REGISTER("mdscr_el1", 0), "MDSCR may be written");
  Check(READ_REGISTER("mdscr_el1", &value) && value == 0, "MDSCR reads as zero");
  Check(WRITE_REGISTER("dbgbvr0_el1", 0x1000), "a breakpoint may be written");
  ExpectUndefined();
  asm volatile("dc cisw, %0" : : "r"(uint64_t{0}));
  Check(!WasUndefined(), "cache maintenance by set and way is ignored");
}

}  // namespace

void CheckEntry(uint64_t boot) {
  CheckEqual(entry_state.current_el, 1 << 2, "entered at EL1");
  CheckEqual(entry_state.daif, 0x3c0, "entered with everything masked");
  CheckEqual(entry_state.sctlr & 1, 0, "entered with the MMU off");
  const void* tree = reinterpret_cast<const void*>(boot);
  CheckEqual(boot % 8, 0, "devicetree is aligned");
  if (!Check(fdt_check_header(tree) == 0, "X0 points to a devicetree")) return;
  const int psci = fdt_path_offset(tree, "/psci");
  Check(psci >= 0 && fdt_getprop(tree, psci, "method", nullptr) != nullptr, "it has PSCI");
}

void CheckIdentity() {
  CheckFirmware();
  CheckFeatures();
  CheckRefusals();
  CheckReach();
}

}  // namespace bulkhead::testguest
