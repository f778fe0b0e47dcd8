// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// bulkhead.efi under OVMF, with the stand-in hypervisor and with bundles that are wrong.

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "boot/testing/bundle_writer.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(120);

std::string StandIn() { return ReadFileOrDie("boot/testing/stand_in_hypervisor_x86_64.elf"); }

std::string GoodBundle() {
  return BundleWriter()
      .Add("hypervisor", StandIn())
      .Add("vmm", std::string(5000, 'v'), 0100644, 4096)
      .Finish();
}

class Uefi : public testing::Test {
 protected:
  Uefi() { WriteFileOrDie(esp_ / "EFI/BOOT/BOOTX64.EFI", ReadFileOrDie("boot/uefi/bulkhead.efi")); }

  void Bundle(std::string_view bytes) { WriteFileOrDie(esp_ / "bulkhead/bundle.cpio", bytes); }
  void CommandLine(std::string_view text) { WriteFileOrDie(esp_ / "bulkhead/cmdline", text); }

  // Boots; the machine must end by itself with this one line as its reason.
  void ExpectFatal(std::string_view line) {
    QemuMachine machine({.esp = esp_.path()});
    ASSERT_TRUE(machine.RunToEnd(kDeadline));
    EXPECT_TRUE(SerialContains(machine, "\nbulkhead: fatal: " + std::string(line) + "\n"));
    EXPECT_EQ(machine.serial().find("stand-in"), std::string::npos);
    EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
  }

  TempDirectory esp_;
};

TEST_F(Uefi, EntersTheHypervisor) {
  Bundle(GoodBundle());
  CommandLine("log=all pods=1\r\n");
  QemuMachine machine({.esp = esp_.path()});
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "bulkhead: loading the bundle\n"));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line [log=all pods=1]\n"));
  EXPECT_TRUE(SerialContains(machine, "\nserial 0x3f8\n"));
  EXPECT_TRUE(SerialContains(machine, "\nok: image mapped one to one and at its link address\n"));
  EXPECT_TRUE(SerialContains(machine, "\nok: rsdp\n"));
  EXPECT_TRUE(
      SerialContains(machine, "\nentry hypervisor size " + std::to_string(StandIn().size())));
  EXPECT_TRUE(SerialContains(machine, "\nentry vmm size 5000 "));
  EXPECT_TRUE(SerialContains(machine, "\nend of stand-in\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
  EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
}

TEST_F(Uefi, MapsAllMemoryWithoutGigabytePages) {
  Bundle(GoodBundle());
  QemuMachine machine({.esp = esp_.path(), .memory_mib = 5120, .cpu = "max,la57=off,pdpe1gb=off"});
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line []\n"));
  EXPECT_TRUE(SerialContains(machine, " 0x0001c0000000 usable\nusable MiB 51"));
  EXPECT_TRUE(SerialContains(machine, "\nend of stand-in\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
}

TEST_F(Uefi, SaysWhenThereIsNoBundle) { ExpectFatal("bundle: no file \\bulkhead\\bundle.cpio"); }

TEST_F(Uefi, SaysWhenTheBundleIsSomethingElse) {
  Bundle(std::string(10000, 'x'));
  ExpectFatal("bundle: bad magic at offset 0x0");
}

TEST_F(Uefi, SaysWhenTheBundleIsTruncated) {
  Bundle(GoodBundle().substr(0, 5000));
  ExpectFatal("bundle: entry 'hypervisor' runs past the end (" + std::to_string(StandIn().size()) +
              " bytes needed, 4876 left)");
}

TEST_F(Uefi, SaysWhenThereIsNoHypervisor) {
  Bundle(BundleWriter().Add("supervisor", StandIn()).Finish());
  ExpectFatal("bundle: no entry 'hypervisor'");
}

TEST_F(Uefi, SaysWhenTheHypervisorIsTruncated) {
  Bundle(BundleWriter().Add("hypervisor", StandIn().substr(0, 8192)).Finish());
  ExpectFatal("bundle: hypervisor: truncated (ends at byte 8192)");
}

TEST_F(Uefi, SaysWhenTheCommandLineIsTooLong) {
  Bundle(GoodBundle());
  CommandLine(std::string(1024, 'x'));
  ExpectFatal("cmdline: longer than 1023 bytes");
}

}  // namespace
}  // namespace bulkhead
