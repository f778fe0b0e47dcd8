// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/acpi.h"

#include <sys/wait.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead {
namespace {

class AcpiTest : public testing::Test {
 protected:
  AcpiTest() : bytes_(1 << 20), memory_({0, bytes_}) {}

  AcpiTables Build(const AcpiConfig& config) {
    const auto tables = BuildAcpiTables(config, memory_, GuestPhysical{layout::kAcpiTables},
                                        layout::kAcpiTablesSize);
    EXPECT_TRUE(tables.ok()) << StatusName(tables.status());
    return *tables;
  }
  template <typename T>
  T Get(GuestPhysical at, uint64_t offset = 0) {
    return *memory_.Read<T>(at + offset);
  }
  uint8_t Sum(GuestPhysical at, uint64_t length) {
    uint8_t sum = 0;
    for (uint64_t i = 0; i < length; ++i) sum += Get<uint8_t>(at, i);
    return sum;
  }
  std::string Signature(GuestPhysical at) {
    const auto bytes = *memory_.Slice(at, 4);
    return {reinterpret_cast<const char*>(bytes.data()), 4};
  }
  void ExpectTable(GuestPhysical at, const char* signature) {
    EXPECT_EQ(Signature(at), signature);
    const uint32_t length = Get<uint32_t>(at, 4);
    EXPECT_GE(length, 36u);
    EXPECT_EQ(Sum(at, length), 0);
  }
  // What iasl makes of a table; it complains on standard error and by its status.
  std::string Disassemble(GuestPhysical at, const std::string& name) {
    const std::filesystem::path folder = testing::TempDir();
    const std::string stem = (folder / name).string();
    const uint32_t length = Get<uint32_t>(at, 4);
    const auto bytes = *memory_.Slice(at, length);
    std::ofstream(stem + ".aml", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), length);
    const std::string log = stem + ".log";
    const int status = std::system(("iasl -d " + stem + ".aml > " + log + " 2>&1").c_str());
    std::ifstream log_file(log), dsl_file(stem + ".dsl");
    std::stringstream said, dsl;
    said << log_file.rdbuf();
    dsl << dsl_file.rdbuf();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << said.str();
    EXPECT_EQ(said.str().find("Error"), std::string::npos) << said.str();
    EXPECT_EQ(said.str().find("Warning"), std::string::npos) << said.str();
    // "Invalid", "incorrect checksum" and the like are in the text.
    EXPECT_EQ(dsl.str().find("ncorrect"), std::string::npos) << dsl.str();
    EXPECT_EQ(dsl.str().find("nvalid"), std::string::npos) << dsl.str();
    return dsl.str();
  }
  static void ExpectHas(const std::string& text, const std::string& what) {
    EXPECT_NE(text.find(what), std::string::npos) << "no \"" << what << "\" in:\n" << text;
  }

  std::vector<std::byte> bytes_;
  GuestMemory memory_;
};

TEST_F(AcpiTest, TablesFindEachOther) {
  const AcpiTables tables = Build({.cpus = 1, .virtio_devices = 4});
  EXPECT_EQ(std::memcmp(&bytes_[Raw(tables.rsdp)], "RSD PTR ", 8), 0);
  EXPECT_EQ(Sum(tables.rsdp, 20), 0);
  EXPECT_EQ(Sum(tables.rsdp, 36), 0);
  EXPECT_EQ(Get<uint64_t>(tables.rsdp, 24), Raw(tables.xsdt));
  ExpectTable(tables.xsdt, "XSDT");
  EXPECT_EQ(Get<uint32_t>(tables.xsdt, 4), 36u + 2 * 8);
  EXPECT_EQ(Get<uint64_t>(tables.xsdt, 36), Raw(tables.fadt));
  EXPECT_EQ(Get<uint64_t>(tables.xsdt, 44), Raw(tables.madt));
  ExpectTable(tables.fadt, "FACP");
  EXPECT_EQ(Get<uint64_t>(tables.fadt, 140), Raw(tables.dsdt));
  ExpectTable(tables.madt, "APIC");
  ExpectTable(tables.dsdt, "DSDT");
}

TEST_F(AcpiTest, MadtEntries) {
  const AcpiTables tables = Build({.cpus = 3});
  EXPECT_EQ(Get<uint32_t>(tables.madt, 4), 44u + 3 * 8 + 12);
  EXPECT_EQ(Get<uint32_t>(tables.madt, 40), 0u);  // no PICs
  for (uint32_t cpu = 0; cpu < 3; ++cpu) {
    EXPECT_EQ(Get<uint16_t>(tables.madt, 44 + 8 * cpu), 0x0800);
    EXPECT_EQ(Get<uint8_t>(tables.madt, 44 + 8 * cpu + 3), cpu);
    EXPECT_EQ(Get<uint32_t>(tables.madt, 44 + 8 * cpu + 4), 1u);
  }
  EXPECT_EQ(Get<uint16_t>(tables.madt, 68), 0x0c01);
  EXPECT_EQ(Get<uint32_t>(tables.madt, 72), layout::kIoApicBase);
}

TEST_F(AcpiTest, FadtAsIaslReadsIt) {
  const std::string text = Disassemble(Build({.virtio_devices = 2}).fadt, "fadt");
  ExpectHas(text, "Hardware Reduced (V5) : 1");
  ExpectHas(text, "Reset Register Supported (V2) : 1");
  ExpectHas(text, "Legacy Devices Supported (V2) : 0");
  ExpectHas(text, "8042 Present on ports 60/64 (V2) : 0");
  ExpectHas(text, "Value to cause reset : 01");
  ExpectHas(text, "Address : 0000000000000600");
  ExpectHas(text, "Address : 0000000000000601");
  ExpectHas(text, "Address : 0000000000000602");
}

TEST_F(AcpiTest, MadtAsIaslReadsIt) {
  const std::string text = Disassemble(Build({.cpus = 64}).madt, "madt");
  ExpectHas(text, "PC-AT Compatibility : 0");
  ExpectHas(text, "Subtable Type : 01 [I/O APIC]");
  ExpectHas(text, "Local Apic ID : 3F");
}

TEST_F(AcpiTest, DsdtAsIaslReadsIt) {
  const std::string text =
      Disassemble(Build({.virtio_devices = layout::kMaxVirtioDevices}).dsdt, "dsdt");
  ExpectHas(text, "Device (VIO0)");
  ExpectHas(text, "Device (VIOF)");
  ExpectHas(text, "Name (_HID, \"LNRO0005\")");
  ExpectHas(text, "0xD000F000,         // Address Base");
  ExpectHas(text, "0x00000200,         // Address Length");
  ExpectHas(text, "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, )");
  ExpectHas(text, "0x00000014,");
  ExpectHas(text, "Name (\\_S5, Package (0x04)");
}

// What was disassembled compiles again, without warnings.
TEST_F(AcpiTest, DsdtCompilesAgain) {
  Disassemble(Build({.virtio_devices = 3}).dsdt, "again");
  const std::string stem = (std::filesystem::path(testing::TempDir()) / "again").string();
  const int status = std::system(("iasl -we " + stem + ".dsl > " + stem + ".log 2>&1").c_str());
  std::stringstream said;
  said << std::ifstream(stem + ".log").rdbuf();
  EXPECT_EQ(status, 0) << said.str();
}

TEST_F(AcpiTest, NoDevices) {
  const std::string text = Disassemble(Build({}).dsdt, "empty");
  EXPECT_EQ(text.find("Device ("), std::string::npos);
}

TEST_F(AcpiTest, Refused) {
  const GuestPhysical at{layout::kAcpiTables};
  EXPECT_EQ(BuildAcpiTables({.cpus = 0}, memory_, at, 0x1000).status(), Status::kInvalidArgument);
  EXPECT_EQ(BuildAcpiTables({.cpus = 65}, memory_, at, 0x1000).status(), Status::kInvalidArgument);
  EXPECT_EQ(BuildAcpiTables({.virtio_devices = 17}, memory_, at, 0x1000).status(),
            Status::kInvalidArgument);
  EXPECT_EQ(BuildAcpiTables({}, memory_, GuestPhysical{1 << 20}, 0x1000).status(),
            Status::kNoMemory);
  const auto fits = BuildAcpiTables({.cpus = 64, .virtio_devices = 8}, memory_, at, 0x1000);
  EXPECT_TRUE(fits.ok());
}

// Whatever the room, the tables fit in it or are refused: nothing is written past it.
TEST_F(AcpiTest, EverySize) {
  bool fitted = false;
  for (uint64_t length = 0; length < 2400; ++length) {
    const auto tables =
        BuildAcpiTables({.cpus = 4, .virtio_devices = 8}, memory_, GuestPhysical{0x80000}, length);
    EXPECT_EQ(bytes_[0x80000 + length], std::byte{0});
    if (fitted) EXPECT_TRUE(tables.ok());
    fitted = tables.ok();
    if (!fitted) EXPECT_EQ(tables.status(), Status::kNoMemory);
  }
  EXPECT_TRUE(fitted);
}

TEST(PowerPortTest, Writes) {
  EXPECT_EQ(PowerPortWrite(0x600, 0x34), PowerEvent::kPowerOff);
  EXPECT_EQ(PowerPortWrite(0x600, 0x14), PowerEvent::kNone);  // SLP_EN clear
  EXPECT_EQ(PowerPortWrite(0x600, 0x30), PowerEvent::kNone);  // S4
  EXPECT_EQ(PowerPortWrite(0x601, 0x34), PowerEvent::kNone);
  EXPECT_EQ(PowerPortWrite(0x602, 1), PowerEvent::kReset);
  EXPECT_EQ(PowerPortWrite(0x602, 0), PowerEvent::kNone);
  EXPECT_FALSE(PowerPortWrite(0x603, 1));
  EXPECT_TRUE(IsPowerPort(0x600) && !IsPowerPort(0x5ff));
}

}  // namespace
}  // namespace bulkhead
