// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/system_registers.h"

#include <gtest/gtest.h>

#include <array>

#include "hypervisor/abi/aarch64/vcpu_state.h"

namespace bulkhead {
namespace {

constexpr uint32_t kOslar = SystemRegisterId(2, 0, 1, 0, 4);
constexpr uint32_t kOslsr = SystemRegisterId(2, 0, 1, 1, 4);
constexpr uint32_t kMdscr = SystemRegisterId(2, 0, 0, 2, 2);

class SystemRegisters : public testing::Test {
 protected:
  std::optional<uint64_t> Read(uint32_t id) { return ReadSystemRegister(id, {machine_, 1234}); }
  uint64_t Id(uint32_t crm, uint32_t op2) {
    return Read(SystemRegisterId(3, 0, 0, crm, op2)).value_or(0xbad);
  }
  std::array<uint64_t, abi::kMachineIdSlots> machine_ = {};
};

TEST(SystemRegisterDecoder, Fields) {
  // mrs x7, id_aa64mmfr2_el1
  const uint64_t esr =
      uint64_t{0x18} << 26 | 1 << 25 | 3 << 20 | 2 << 17 | 0 << 14 | 0 << 10 | 7 << 5 | 7 << 1 | 1;
  const SystemRegisterAccess access = DecodeSystemRegister(esr);
  EXPECT_EQ(access.id, SystemRegisterId(3, 0, 0, 7, 2));
  EXPECT_EQ(access.gpr, 7);
  EXPECT_TRUE(access.read);
  // msr oslar_el1, xzr
  const SystemRegisterAccess write = DecodeSystemRegister(2 << 20 | 4 << 17 | 1 << 10 | 31 << 5);
  EXPECT_EQ(write.id, kOslar);
  EXPECT_EQ(write.gpr, 31);
  EXPECT_FALSE(write.read);
}

TEST_F(SystemRegisters, MachineWithEverything) {
  machine_.fill(~uint64_t{0});
  machine_[abi::kIdAa64Pfr0] = 0x1111'1111'1111'1111;
  EXPECT_EQ(Id(4, 0), 0x1101'0000'0111'0011u);
  EXPECT_EQ(Id(4, 1), 0xffu);
  EXPECT_EQ(Id(4, 4), 0u);  // ZFR0: no SVE
  EXPECT_EQ(Id(5, 0), 0xf0'0010'1006u);
  EXPECT_EQ(Id(5, 1), 0u);
  EXPECT_EQ(Id(6, 0) >> 24 & 0xf, 0u);        // TME
  EXPECT_EQ(Id(6, 1) & 0xff00'0ff0, 0u);      // pointer authentication
  EXPECT_EQ(Id(6, 1) >> 56, 0u);              // XS, LS64
  EXPECT_EQ(Id(6, 2) & 0xf0f'ff0f, 0u);       // WFxT, GPA3, APA3, MOPS, PAC_frac
  EXPECT_EQ(Id(7, 0) & 0xf, 2u);              // 40 bits
  EXPECT_EQ(Id(7, 0) >> 32, 0u);              // stage 2, FGT, ECV
  EXPECT_EQ(Id(7, 1) & 0x0fff, 0xfu);         // VMIDBits, VH
  EXPECT_EQ(Id(7, 2) & 0xf00'0f00'f000, 0u);  // IESB, FWB
  EXPECT_EQ(Id(7, 2) >> 24 & 0xf, 0u);        // NV
}

TEST_F(SystemRegisters, CsvTwoHasNoRegisters) {
  machine_[abi::kIdAa64Pfr0] = uint64_t{2} << 56;
  EXPECT_EQ(Id(4, 0) >> 56, 1u);
}

TEST_F(SystemRegisters, MachineWithNothing) {
  EXPECT_EQ(Id(4, 0), 0x100'0011u);
  EXPECT_EQ(Id(6, 0), 0u);
  EXPECT_EQ(Id(7, 0), 0u);
}

// Everything else where ID registers are reads as zero; nothing there can be written.
TEST_F(SystemRegisters, IdentificationIsReadOnly) {
  machine_.fill(~uint64_t{0});
  for (uint32_t crm = 1; crm < 8; ++crm) {
    for (uint32_t op2 = 0; op2 < 8; ++op2) {
      if (crm < 4 || op2 > 2) {
        EXPECT_EQ(Id(crm, op2), 0u) << crm << " " << op2;
      }
      EXPECT_FALSE(IgnoresSystemRegisterWrite(SystemRegisterId(3, 0, 0, crm, op2)));
    }
  }
}

TEST_F(SystemRegisters, Debug) {
  EXPECT_EQ(Read(kOslsr), 8u);
  EXPECT_FALSE(IgnoresSystemRegisterWrite(kOslsr));
  EXPECT_FALSE(Read(kOslar).has_value());
  EXPECT_TRUE(IgnoresSystemRegisterWrite(kOslar));
  EXPECT_EQ(Read(kMdscr), 0u);
  EXPECT_TRUE(IgnoresSystemRegisterWrite(kMdscr));
  EXPECT_EQ(Read(SystemRegisterId(2, 3, 0, 1, 0)), 0u);             // MDCCSR_EL0
  EXPECT_FALSE(Read(SystemRegisterId(2, 1, 0, 1, 0)).has_value());  // trace
}

TEST_F(SystemRegisters, CounterAndWhatDoesNotExist) {
  EXPECT_EQ(Read(SystemRegisterId(3, 3, 14, 0, 1)), 1234u);
  EXPECT_FALSE(IgnoresSystemRegisterWrite(SystemRegisterId(3, 3, 14, 0, 1)));
  for (const uint32_t id : {SystemRegisterId(3, 3, 14, 2, 1),    // CNTP_CTL_EL0
                            SystemRegisterId(3, 3, 9, 12, 0),    // PMCR_EL0
                            SystemRegisterId(3, 0, 9, 9, 0),     // PMSCR_EL1
                            SystemRegisterId(3, 0, 2, 1, 0),     // APIAKeyLo_EL1
                            SystemRegisterId(3, 0, 10, 4, 7),    // LORID_EL1
                            SystemRegisterId(3, 0, 15, 0, 0),    // implementation defined
                            SystemRegisterId(3, 4, 1, 1, 0)}) {  // HCR_EL2
    EXPECT_FALSE(Read(id).has_value()) << std::hex << id;
    EXPECT_FALSE(IgnoresSystemRegisterWrite(id)) << std::hex << id;
  }
}

TEST_F(SystemRegisters, InterruptControllerHasSystemRegistersOnly) {
  constexpr uint32_t kIccSre = SystemRegisterId(3, 0, 12, 12, 5);
  EXPECT_EQ(Read(kIccSre), 7u);
  EXPECT_TRUE(IgnoresSystemRegisterWrite(kIccSre));
}

TEST_F(SystemRegisters, IgnoredWrites) {
  EXPECT_TRUE(IgnoresSystemRegisterWrite(SystemRegisterId(1, 0, 7, 14, 2)));  // DC CISW
  EXPECT_TRUE(IgnoresSystemRegisterWrite(SystemRegisterId(3, 0, 1, 0, 1)));   // ACTLR_EL1
  EXPECT_FALSE(Read(SystemRegisterId(1, 0, 7, 14, 2)).has_value());
}

}  // namespace
}  // namespace bulkhead
