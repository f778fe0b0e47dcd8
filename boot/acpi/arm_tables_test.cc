// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// MADT, GTDT and SPCR as Arm machines have them.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "boot/acpi/acpi_tables.h"
#include "boot/acpi/testing/table_writer.h"

namespace bulkhead {
namespace {

constexpr uint64_t kRsdp = 0x1000;
constexpr uint64_t kXsdt = 0x2000;
constexpr uint64_t kMadt = 0x3000;
constexpr uint64_t kGtdt = 0x4000;
constexpr uint64_t kSpcr = 0x5000;

Table Structure(uint8_t type, uint8_t length) {
  Table out(length);
  Put(out, 0, type, 1);
  Put(out, 1, length, 1);
  return out;
}

Table Distributor(uint64_t base, uint8_t version) {
  Table out = Structure(0xc, 24);
  Put(out, 8, base, 8);
  Put(out, 20, version, 1);
  return out;
}

Table Cpu(uint64_t redistributor, uint32_t maintenance = 25, uint32_t flags = 1) {
  Table out = Structure(0xb, 80);
  Put(out, 12, flags, 4);
  Put(out, 56, maintenance, 4);
  Put(out, 60, redistributor, 8);
  return out;
}

Table Redistributors(uint64_t base, uint32_t length) {
  Table out = Structure(0xe, 16);
  Put(out, 4, base, 8);
  Put(out, 12, length, 4);
  return out;
}

Table Its(uint64_t base) {
  Table out = Structure(0xf, 20);
  Put(out, 8, base, 8);
  return out;
}

class ArmTablesTest : public testing::Test {
 protected:
  ArmTablesTest() {
    gtdt = MakeTable("GTDT", 104);
    Put(gtdt, 48, 29, 4);
    Put(gtdt, 56, 30, 4);
    Put(gtdt, 64, 27, 4);
    Put(gtdt, 72, 26, 4);
    spcr = MakeTable("SPCR", 80);
    Put(spcr, 36, 3, 1);
    PutGeneric(spcr, 40, 0, 0x9000000);
  }

  void Install(const std::vector<Table>& structures) {
    Table madt = MakeTable("APIC", 44);
    for (const Table& each : structures) madt.insert(madt.end(), each.begin(), each.end());
    Put(madt, 4, madt.size(), 4);
    InstallRoot(machine, kRsdp, kXsdt, 2, {kMadt, kGtdt, kSpcr});
    machine.memory[kMadt] = Sealed(madt);
    machine.memory[kGtdt] = Sealed(gtdt);
    machine.memory[kSpcr] = Sealed(spcr);
  }

  static std::string Describe(const AcpiError& error) {
    if (error.ok()) return "ok";
    Text<> text;
    text << error;
    return std::string(text.view());
  }

  std::string GicOf(const std::vector<Table>& structures) {
    Install(structures);
    EXPECT_TRUE(tables.Open(kRsdp).ok());
    return Describe(tables.ReadGic(gic));
  }

  // The kind and the address.
  std::string Serial() {
    Install({});
    EXPECT_TRUE(tables.Open(kRsdp).ok());
    SerialKind kind = SerialKind::kNone;
    uint64_t address = 0;
    const AcpiError error = tables.ReadSerial(kind, address);
    if (!error.ok()) return Describe(error);
    Text<> text;
    text << static_cast<uint32_t>(kind) << ' ' << Hex{address};
    return std::string(text.view());
  }

  TableMemory machine;
  AcpiTables tables{machine};
  Table gtdt;
  Table spcr;
  GicInfo gic = {};
};

TEST_F(ArmTablesTest, ReadsTheInterruptController) {
  ASSERT_EQ(GicOf({Distributor(0x8000000, 3), Cpu(0), Cpu(0), Redistributors(0x80a0000, 0xf60000),
                   Its(0x8080000)}),
            "ok");
  EXPECT_EQ(gic.distributor, 0x8000000u);
  EXPECT_EQ(gic.its, 0x8080000u);
  ASSERT_EQ(gic.redistributor_count, 1u);
  EXPECT_EQ(gic.redistributors[0].start, 0x80a0000u);
  EXPECT_EQ(gic.redistributors[0].length, 0xf60000u);
  EXPECT_EQ(gic.maintenance_interrupt, 25u);
  EXPECT_EQ(gic.virtual_timer_interrupt, 27u);
  EXPECT_EQ(gic.physical_timer_interrupt, 30u);
  EXPECT_EQ(gic.hypervisor_timer_interrupt, 26u);
}

TEST_F(ArmTablesTest, TakesTheRedistributorsOfCpusWhereThereAreNoRegions) {
  // The distributor need not come first.
  ASSERT_EQ(GicOf({Cpu(0x80a0000), Cpu(0x80c0000), Cpu(0x9000000, 25, 0), Cpu(0x9100000),
                   Distributor(0x8000000, 3)}),
            "ok");
  ASSERT_EQ(gic.redistributor_count, 2u);
  EXPECT_EQ(gic.redistributors[0].start, 0x80a0000u);
  EXPECT_EQ(gic.redistributors[0].length, 0x40000u);
  EXPECT_EQ(gic.redistributors[1].start, 0x9100000u);
  EXPECT_EQ(gic.redistributors[1].length, 0x20000u);
  EXPECT_EQ(gic.its, 0u);
  ASSERT_EQ(GicOf({Distributor(0x8000000, 4), Cpu(0x80a0000), Cpu(0x80e0000)}), "ok");
  ASSERT_EQ(gic.redistributor_count, 1u);
  EXPECT_EQ(gic.redistributors[0].length, 0x80000u);
}

TEST_F(ArmTablesTest, OtherInterruptControllersAreNone) {
  EXPECT_EQ(GicOf({}), "ok");
  EXPECT_EQ(gic.distributor, 0u);
  EXPECT_EQ(GicOf({Distributor(0x8000000, 2), Cpu(0)}), "ok");
  EXPECT_EQ(gic.distributor, 0u);
  EXPECT_EQ(gic.maintenance_interrupt, 0u);
}

TEST_F(ArmTablesTest, SaysWhatIsWrongWithTheInterruptController) {
  const std::string bad = "ACPI: table APIC at 0x3000: no usable interrupt controller";
  EXPECT_EQ(GicOf({Distributor(0x8000000, 3), Cpu(0)}), bad) << "no redistributors";
  EXPECT_EQ(gic.distributor, 0u) << "nothing half done";
  EXPECT_EQ(GicOf({Distributor(0x8000000, 3), Cpu(0x80a0000, 0)}), bad) << "no interrupt";
  EXPECT_EQ(GicOf({Distributor(0x8000000, 3), Cpu(0x80a0000, 32)}), bad) << "a shared interrupt";
  EXPECT_EQ(GicOf({Distributor(0x8000000, 3), Cpu(0x80a0000), Structure(0xe, 1)}), bad);
  EXPECT_EQ(GicOf({Distributor(0x8000000, 3), Cpu(0x80a0000), {0xe, 200}}), bad);
  EXPECT_EQ(GicOf({Distributor(0x8000000, 3), Cpu(0x80a0000), {0xe}}), bad);
  std::vector<Table> many = {Distributor(0x8000000, 3), Cpu(0)};
  for (uint64_t i = 1; i <= kMaxRedistributorRegions; ++i) {
    many.push_back(Redistributors(i << 24, 0x20000));
  }
  EXPECT_EQ(GicOf(many), "ok");
  many.push_back(Redistributors(uint64_t{1} << 32, 0x20000));
  EXPECT_EQ(GicOf(many), bad);
}

TEST_F(ArmTablesTest, SaysWhatIsWrongWithTheTimers) {
  const std::vector<Table> good = {Distributor(0x8000000, 3), Cpu(0x80a0000)};
  for (const size_t timer : {56u, 64u, 72u}) {
    const Table before = gtdt;
    Put(gtdt, timer, 0, 4);
    EXPECT_EQ(GicOf(good), "ACPI: table GTDT at 0x4000: no usable timer");
    gtdt = before;
  }
  gtdt.resize(79);
  Put(gtdt, 4, 79, 4);
  EXPECT_EQ(GicOf(good), "ACPI: table GTDT at 0x4000: bad length");
  gtdt = MakeTable("XXXX", 80);
  EXPECT_EQ(GicOf(good), "ACPI: table GTDT: there is none");
}

TEST_F(ArmTablesTest, ReadsTheSerialPort) {
  EXPECT_EQ(Serial(), "2 0x9000000");
  Put(spcr, 36, 0x0e, 1);
  EXPECT_EQ(Serial(), "2 0x9000000");
  Put(spcr, 36, 0x12, 1);
  EXPECT_EQ(Serial(), "0 0x0") << "a 16550 in memory";
  PutGeneric(spcr, 40, 1, 0x3f8);
  EXPECT_EQ(Serial(), "1 0x3f8");
  Put(spcr, 36, 3, 1);
  EXPECT_EQ(Serial(), "0 0x0") << "a PL011 at a port";
  PutGeneric(spcr, 40, 0, 0);
  EXPECT_EQ(Serial(), "0 0x0") << "redirection is off";
  spcr = MakeTable("SPCR", 51);
  EXPECT_EQ(Serial(), "ACPI: table SPCR at 0x5000: bad length");
  spcr = MakeTable("XXXX", 80);
  EXPECT_EQ(Serial(), "ACPI: table SPCR: there is none");
}

}  // namespace
}  // namespace bulkhead
