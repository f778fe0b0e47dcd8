// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/acpi/acpi_tables.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "boot/acpi/acpi_sleep_type.h"
#include "boot/acpi/testing/table_writer.h"

namespace bulkhead {
namespace {

constexpr uint64_t kRsdp = 0xf52c0;
constexpr uint64_t kRsdt = 0x7fe2001;  // tables need not be aligned
constexpr uint64_t kXsdt = 0x1'0000'2000;
constexpr uint64_t kFadt = 0x7fe3000;
constexpr uint64_t kDsdt = 0x7fe4000;
constexpr uint64_t kMcfg = 0x7fe5000;
constexpr uint64_t kOther = 0x7fe6000;

class AcpiTablesTest : public testing::Test {
 protected:
  AcpiTablesTest() {
    fadt = MakeTable("FACP", 276);
    Put(fadt, 40, kDsdt, 4);
    Put(fadt, 48, 0xb2, 4);   // SMI_CMD
    Put(fadt, 52, 0xf1, 1);   // ACPI_ENABLE
    Put(fadt, 64, 0x604, 4);  // PM1a_CNT_BLK
    Put(fadt, 112, 1 << 10, 4);
    PutGeneric(fadt, 116, 1, 0xcf9);
    Put(fadt, 128, 0x0f, 1);
    dsdt = MakeTable("DSDT", 36);
    // Scope (\_SB) {} and Name (_S5, Package () {5, 0, 0, 0})
    AddAml({0x10, 0x06, 0x5c, '_', 'S', 'B', '_'});
    AddAml({0x08, '_', 'S', '5', '_', 0x12, 0x07, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00});
    mcfg = MakeTable("MCFG", 60);
    Put(mcfg, 44, 0xb000'0000, 8);
    Put(mcfg, 55, 0xff, 1);
  }

  void AddAml(const Table& aml) {
    dsdt.insert(dsdt.end(), aml.begin(), aml.end());
    Put(dsdt, 4, dsdt.size(), 4);
  }

  // Puts everything where the root pointer finds it, with good checksums.
  void Install(int revision = 2) {
    const std::vector<uint64_t> list = {kOther, kFadt, kMcfg};
    InstallRoot(machine, kRsdp, revision >= 2 ? kXsdt : kRsdt, revision, list);
    machine.memory[kFadt] = Sealed(fadt);
    machine.memory[kDsdt] = Sealed(dsdt);
    machine.memory[kMcfg] = Sealed(mcfg);
    machine.memory[kOther] = Sealed(MakeTable("HPET", 56));
  }

  static std::string Describe(const AcpiError& error) {
    if (error.ok()) return "ok";
    Text<> text;
    text << error;
    return std::string(text.view());
  }

  std::string OpenError() { return Describe(tables.Open(kRsdp)); }
  std::string PowerOffError() {
    const std::string open = OpenError();
    return open == "ok" ? Describe(tables.ReadPowerOff(off)) : open;
  }
  std::string EcamError() {
    const std::string open = OpenError();
    return open == "ok" ? Describe(tables.ReadEcam(ecam)) : open;
  }

  TableMemory machine;
  AcpiTables tables{machine};
  Table fadt;
  Table dsdt;
  Table mcfg;
  PowerOff off;
  Ecam ecam;
};

TEST_F(AcpiTablesTest, FindsPowerOffAndConfigurationSpaceInBothVersions) {
  for (const int revision : {0, 2}) {
    machine.memory.clear();
    Install(revision);
    ASSERT_EQ(PowerOffError(), "ok") << revision;
    EXPECT_EQ(off.kind, PowerOffKind::kPm1Control);
    EXPECT_EQ(off.first.space, RegisterSpace::kPort);
    EXPECT_EQ(off.first.address, 0x604u);
    EXPECT_EQ(off.first.width, 2);
    EXPECT_EQ(off.first.clear, 0x3c00u);
    EXPECT_EQ(off.first.set, 0x2000u | 5 << 10);
    EXPECT_EQ(off.second.width, 0);
    EXPECT_EQ(off.smi_port, 0xb2);
    EXPECT_EQ(off.acpi_enable, 0xf1);

    ASSERT_EQ(EcamError(), "ok");
    EXPECT_EQ(ecam.base, 0xb000'0000u);
    EXPECT_EQ(ecam.first_bus, 0);
    EXPECT_EQ(ecam.last_bus, 255);
    EXPECT_EQ(ecam.start(), 0xb000'0000u);
    EXPECT_EQ(ecam.length(), 256u << 20);

    RegisterWrite reset;
    ASSERT_EQ(Describe(tables.ReadReset(reset)), "ok");
    EXPECT_EQ(reset.address, 0xcf9u);
    EXPECT_EQ(reset.set, 0x0fu);
    EXPECT_EQ(reset.width, 1);

    uint64_t physical = 0;
    uint32_t length = 0;
    ASSERT_EQ(Describe(tables.Find(AcpiSignature("HPET"), physical, length)), "ok");
    EXPECT_EQ(physical, kOther);
    EXPECT_EQ(length, 56u);
  }
}

TEST_F(AcpiTablesTest, TakesTheGenericAddressesAndTheSecondRegister) {
  Put(fadt, 64, 0x1234, 4);
  Put(fadt, 68, 0x4321, 4);
  PutGeneric(fadt, 172, 1, 0x604);
  PutGeneric(fadt, 184, 0, 0xfed0'0004);
  Put(fadt, 140, kDsdt, 8);
  Put(fadt, 40, 0, 4);
  dsdt = MakeTable("DSDT", 36);
  AddAml({0x08, 0x5c, '_', 'S', '5', '_', 0x12, 0x08, 0x04, 0x0a, 0x07, 0x0b, 0x03, 0x00, 0x00});
  Install();
  ASSERT_EQ(PowerOffError(), "ok");
  EXPECT_EQ(off.first.address, 0x604u);
  EXPECT_EQ(off.first.set, 0x2000u | 7 << 10);
  EXPECT_EQ(off.second.address, 0xfed0'0004u);
  EXPECT_EQ(off.second.space, RegisterSpace::kMemory);
  EXPECT_EQ(off.second.set, 0x2000u | 3 << 10);
}

TEST_F(AcpiTablesTest, HardwareReduced) {
  Put(fadt, 112, 1 << 20, 4);
  Put(fadt, 64, 0, 4);
  PutGeneric(fadt, 244, 0, 0xfe00'0010);
  Install();
  ASSERT_EQ(PowerOffError(), "ok");
  EXPECT_EQ(off.kind, PowerOffKind::kSleepControl);
  EXPECT_EQ(off.first.space, RegisterSpace::kMemory);
  EXPECT_EQ(off.first.address, 0xfe00'0010u);
  EXPECT_EQ(off.first.width, 1);
  EXPECT_EQ(off.first.clear, 0xffu);
  EXPECT_EQ(off.first.set, 0x20u | 5 << 2);
  EXPECT_EQ(off.second.width, 0);
  EXPECT_EQ(off.smi_port, 0);
  RegisterWrite reset;
  EXPECT_EQ(tables.ReadReset(reset).kind, AcpiErrorKind::kNoRegister);
}

TEST_F(AcpiTablesTest, ShortFadtOfAcpi1) {
  fadt.resize(116);
  Put(fadt, 4, 116, 4);
  Install(0);
  ASSERT_EQ(PowerOffError(), "ok");
  EXPECT_EQ(off.first.address, 0x604u);
  RegisterWrite reset;
  EXPECT_EQ(tables.ReadReset(reset).kind, AcpiErrorKind::kNoRegister);
}

TEST_F(AcpiTablesTest, OtherSegmentsAreSkipped) {
  mcfg = MakeTable("MCFG", 76);
  Put(mcfg, 44, 0xc000'0000, 8);
  Put(mcfg, 52, 1, 2);
  Put(mcfg, 60, 0x8'0000'0000, 8);
  Put(mcfg, 70, 0x10, 1);
  Put(mcfg, 71, 0x1f, 1);
  Install();
  ASSERT_EQ(EcamError(), "ok");
  EXPECT_EQ(ecam.base, 0x8'0000'0000u);
  EXPECT_EQ(ecam.start(), 0x8'0100'0000u);
  EXPECT_EQ(ecam.length(), 16u << 20);
}

TEST_F(AcpiTablesTest, BadConfigurationSpace) {
  const auto error = [this](uint64_t base, uint8_t first, uint8_t last) {
    Put(mcfg, 44, base, 8);
    Put(mcfg, 54, first, 1);
    Put(mcfg, 55, last, 1);
    Install();
    return EcamError();
  };
  const std::string bad = "ACPI: table MCFG at 0x7fe5000: no usable PCI configuration space";
  EXPECT_EQ(error(0xb000'0000, 2, 1), bad);
  EXPECT_EQ(error(0xb000'1000, 0, 255), bad);
  EXPECT_EQ(error(0, 0, 255), bad);
  EXPECT_EQ(error(0xffff'ffff'fff0'0000, 0, 255), bad);
  EXPECT_EQ(error(0xb000'0000, 3, 3), "ok");
  mcfg = MakeTable("MCFG", 44);
  Install();
  EXPECT_EQ(EcamError(), bad);
  mcfg = MakeTable("MCFG", 40);
  Install();
  EXPECT_EQ(EcamError(), "ACPI: table MCFG at 0x7fe5000: bad length");
  mcfg = MakeTable("MCFH", 60);
  Install();
  EXPECT_EQ(EcamError(), "ACPI: table MCFG: there is none");
}

TEST_F(AcpiTablesTest, BadRoot) {
  EXPECT_EQ(Describe(tables.Open(0)), "ACPI: table RSDP: there is none");
  EXPECT_EQ(OpenError(), "ACPI: table RSDP at 0xf52c0: cannot be read");
  Install();
  ++machine.memory[kRsdp][9];
  EXPECT_EQ(OpenError(), "ACPI: table RSDP at 0xf52c0: bad checksum");
  Install();
  ++machine.memory[kRsdp][33];
  EXPECT_EQ(OpenError(), "ACPI: table RSDP at 0xf52c0: bad checksum");
  Install();
  machine.memory[kRsdp][7] = 'X';
  EXPECT_EQ(OpenError(), "ACPI: table RSDP at 0xf52c0: bad signature");
  Install();
  machine.memory[kRsdp].resize(35);
  EXPECT_EQ(OpenError(), "ACPI: table RSDP at 0xf52c0: cannot be read");
  Install();
  machine.memory[kRsdp][20] = 35;
  EXPECT_EQ(OpenError(), "ACPI: table RSDP at 0xf52c0: bad length");
}

TEST_F(AcpiTablesTest, BadList) {
  Install();
  ++machine.memory[kXsdt][40];
  EXPECT_EQ(OpenError(), "ACPI: table XSDT at 0x100002000: bad checksum");
  machine.memory[kXsdt] = Sealed(MakeTable("RSDT", 36));
  EXPECT_EQ(OpenError(), "ACPI: table XSDT at 0x100002000: bad signature");
  machine.memory[kXsdt] = Sealed(MakeTable("XSDT", 36 + 8 * (kMaxAcpiTables + 1)));
  EXPECT_EQ(OpenError(), "ACPI: table XSDT at 0x100002000: too many tables");
  Table table = MakeTable("XSDT", 36);
  Put(table, 4, 0xffff'ffff, 4);
  machine.memory[kXsdt] = Sealed(table);
  EXPECT_EQ(OpenError(), "ACPI: table XSDT at 0x100002000: bad length");
  Put(table, 4, 4096, 4);
  machine.memory[kXsdt] = Sealed(table);
  EXPECT_EQ(OpenError(), "ACPI: table XSDT at 0x100002000: cannot be read");
  Put(table, 4, 35, 4);
  machine.memory[kXsdt] = Sealed(table);
  EXPECT_EQ(OpenError(), "ACPI: table XSDT at 0x100002000: bad length");
  // Nothing is left of an earlier success.
  EXPECT_EQ(Describe(tables.ReadPowerOff(off)), "ACPI: table FACP: there is none");
}

TEST_F(AcpiTablesTest, UnreadableTablesArePassedOver) {
  Install();
  machine.memory.erase(kOther);
  EXPECT_EQ(PowerOffError(), "ok");
  uint64_t physical = 0;
  uint32_t length = 0;
  EXPECT_EQ(tables.Find(AcpiSignature("HPET"), physical, length).kind, AcpiErrorKind::kMissing);
  EXPECT_EQ(length, 0u);
}

TEST_F(AcpiTablesTest, BadPowerOff) {
  Install();
  ++machine.memory[kFadt][64];
  EXPECT_EQ(PowerOffError(), "ACPI: table FACP at 0x7fe3000: bad checksum");
  Install();
  machine.memory.erase(kDsdt);
  EXPECT_EQ(PowerOffError(), "ACPI: table DSDT at 0x7fe4000: cannot be read");
  Install();
  ++machine.memory[kDsdt][38];
  EXPECT_EQ(PowerOffError(), "ACPI: table DSDT at 0x7fe4000: bad checksum");
  const Table good = fadt;
  Put(fadt, 64, 0xffff, 4);  // two bytes there would leave the port space
  Install();
  EXPECT_EQ(PowerOffError(), "ACPI: table FACP at 0x7fe3000: no usable register");
  PutGeneric(fadt, 172, 3, 0x604);  // an address space that is not supported
  Install();
  EXPECT_EQ(PowerOffError(), "ACPI: table FACP at 0x7fe3000: no usable register");
  PutGeneric(fadt, 172, 0, UINT64_MAX);
  Install();
  EXPECT_EQ(PowerOffError(), "ACPI: table FACP at 0x7fe3000: no usable register");
  fadt = good;
  dsdt = MakeTable("DSDT", 36);
  Install();
  EXPECT_EQ(PowerOffError(), "ACPI: table DSDT at 0x7fe4000: no \\_S5 sleep type found");
  fadt.resize(115);
  Put(fadt, 4, 115, 4);
  Install();
  EXPECT_EQ(PowerOffError(), "ACPI: table FACP at 0x7fe3000: bad length");
}

std::string SleepType(const Table& aml) {
  const auto type = FindSleepType(std::as_bytes(std::span(aml)));
  return type ? std::to_string((*type)[0]) + "," + std::to_string((*type)[1]) : "none";
}

TEST(SleepTypeTest, Encodings) {
  const auto named = [](Table rest) {
    rest.insert(rest.begin(), {0x08, '_', 'S', '5', '_', 0x12});
    return SleepType(rest);
  };
  EXPECT_EQ(named({0x06, 0x04, 0x00, 0x01, 0x00, 0x00}), "0,1");
  EXPECT_EQ(named({0x0c, 0x02, 0x0c, 0x07, 0, 0, 0, 0x0b, 0x06, 0x00}), "none");  // length too long
  EXPECT_EQ(named({0x0a, 0x02, 0x0c, 0x07, 0, 0, 0, 0x0b, 0x06, 0x00}), "7,6");
  EXPECT_EQ(named({0x05, 0x01, 0x0b, 0x05, 0x04}), "5,4");        // one packed element
  EXPECT_EQ(named({0x40, 0x00, 0x00}), "none");                   // a length below its own size
  EXPECT_EQ(named({0x45, 0x00, 0x02, 0x01, 0x00}), "1,0");        // a length of two bytes
  EXPECT_EQ(named({0x86, 0x00, 0x00, 0x02, 0x01, 0x00}), "1,0");  // three
  EXPECT_EQ(named({0xc7, 0x00, 0x00, 0x00, 0x02, 0x01, 0x00}), "1,0");
  EXPECT_EQ(named({0x05, 0x02, 0x0a, 0x08, 0x00}), "none");  // four bits
  EXPECT_EQ(named({0x04, 0x02, 0xff, 0x00}), "none");        // Ones
  EXPECT_EQ(named({0x04, 0x02, 0x05}), "none");              // cut off
  EXPECT_EQ(named({0x03, 0x02, 0x01, 0x00}), "none");        // second is outside
  EXPECT_EQ(named({0x02, 0x00}), "none");                    // no elements
  EXPECT_EQ(named({}), "none");
}

TEST(SleepTypeTest, OnlyADefinitionCounts) {
  // A reference, the name at the very front, another object; then the definition.
  EXPECT_EQ(SleepType({'_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01, 0x00}), "none");
  EXPECT_EQ(SleepType({0x5c, '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01, 0x00}), "none");
  EXPECT_EQ(SleepType({0x14, '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01, 0x00}), "none");
  EXPECT_EQ(SleepType({0x08, '_', 'S', '5', '_', 0x0a, 0x04}), "none");
  EXPECT_EQ(SleepType({0x08, '_', 'S', '5', '_', 0x0a, 0x08, '_', 'S', '5', '_', 0x12, 0x05, 0x02,
                       0x0a, 0x03, 0x01}),
            "3,1");
  EXPECT_EQ(SleepType({}), "none");
}

}  // namespace
}  // namespace bulkhead
