// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The direct entry in QEMU, with the stand-in hypervisor.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "boot/testing/bundle_writer.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(60);
const char kHypervisor[] = "boot/testing/stand_in_hypervisor_x86_64.elf";

TEST(Pvh, HandsOverTheBootInfo) {
  const TempDirectory directory;
  const std::string bundle = directory / "bundle.cpio";
  WriteFileOrDie(bundle, BundleWriter()
                             .Add("supervisor", "abc")
                             .Add("vmm", std::string(5000, 'v'), 0100644, 4096)
                             .Finish());
  QemuMachine machine({.kernel = kHypervisor, .initrd = bundle, .append = "log=all pods=1"});
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "stand-in hypervisor\nimage 0x200000 length "));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line [log=all pods=1]\n"));
  EXPECT_TRUE(SerialContains(machine, "\nserial 0x3f8\n"));
  EXPECT_TRUE(SerialContains(machine, "\nusable MiB 511\n"));
  EXPECT_TRUE(SerialContains(machine, "\nok: rsdp\n"));
  EXPECT_TRUE(SerialContains(machine, "\nentry supervisor size 3 sum 96354\nentry vmm size 5000"));
  EXPECT_TRUE(SerialContains(machine, "\nend of stand-in\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
  EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
}

TEST(Pvh, WorksWithoutBundleAndCommandLine) {
  QemuMachine machine({.kernel = kHypervisor});
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "\nbundle 0x0 length 0x0\n"));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line []\n"));
  EXPECT_TRUE(SerialContains(machine, "\nbundle: empty or not given\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
}

TEST(Pvh, SeesMemoryAbove4GiB) {
  QemuMachine machine({.kernel = kHypervisor, .memory_mib = 5120});
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "\nregion 0x000100000000 0x0001c0000000 usable\n"));
  EXPECT_TRUE(SerialContains(machine, "\nusable MiB 5119\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
}

TEST(Pvh, RefusesALongCommandLineInOneLine) {
  QemuMachine machine({.kernel = kHypervisor, .append = std::string(1024, 'x')});
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_EQ(machine.serial(), "bulkhead: fatal: the command line is too long\n");
}

}  // namespace
}  // namespace bulkhead
