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
const char kImage[] = "boot/testing/stand_in_hypervisor_aarch64.img";

QemuOptions Direct() { return {.architecture = Architecture::kAarch64, .kernel = kImage}; }

TEST(ImageEntry, HandsOverTheBootInfo) {
  const TempDirectory directory;
  QemuOptions options = Direct();
  options.initrd = directory / "bundle.cpio";
  options.append = "log=all pods=1";
  WriteFileOrDie(options.initrd, BundleWriter()
                                     .Add("supervisor", "abc")
                                     .Add("vmm", std::string(5000, 'v'), 0100644, 4096)
                                     .Finish());
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "stand-in hypervisor\nimage 0x40200000 length "));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line [log=all pods=1]\n"));
  EXPECT_TRUE(SerialContains(machine, "\nserial 0x9000000\n"));
  EXPECT_TRUE(SerialContains(
      machine, "\ngicd 0x8000000 its 0x8080000 maintenance 25 timers 27 30 26\ngicr 0x80a0000 "));
  EXPECT_TRUE(SerialContains(machine, "\nok: devicetree\n"));
  EXPECT_TRUE(SerialContains(machine, "\nentry supervisor size 3 sum 96354\nentry vmm size 5000"));
  EXPECT_TRUE(SerialContains(machine, "\nend of stand-in\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
  EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
}

TEST(ImageEntry, TellsTheTime) {
  QemuOptions options = Direct();
  options.extra = {"-rtc", "base=2030-01-02T03:04:05"};
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  // 1893553445 is the time at start; the counter starts with the machine.
  EXPECT_TRUE(SerialContains(machine, "\nwall clock 189355344"));
}

TEST(ImageEntry, WorksWithoutBundleAndCommandLine) {
  QemuOptions options = Direct();
  options.cpu = "max,pauth-impdef=on";
  options.memory_mib = 4096;
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "\nbundle 0x0 length 0x0\n"));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line []\n"));
  EXPECT_TRUE(SerialContains(machine, "\nusable MiB 4094\n"));
  EXPECT_TRUE(SerialContains(machine, "\nbundle: empty or not given\n"));
  EXPECT_TRUE(SerialContains(machine, "\nend of stand-in\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
}

void ExpectRefused(const QemuOptions& options, std::string_view line) {
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_EQ(machine.serial(), "bulkhead: fatal: " + std::string(line) + "\n");
  EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
}

TEST(ImageEntry, RefusesCpusWithoutVhe) {
  QemuOptions options = Direct();
  options.cpu = "cortex-a57";
  ExpectRefused(options, "the CPU is too old: needs Armv8.1 VHE");
}

TEST(ImageEntry, RefusesEl1) {
  QemuOptions options = Direct();
  options.machine = "virt,gic-version=3";
  ExpectRefused(options,
                "started at EL1: the machine offers no virtualisation, or something else uses it");
}

// Before the hypervisor has vectors of its own.
TEST(ImageEntry, ReportsExceptions) {
  QemuOptions options = Direct();
  options.append = "fault";
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  // A BRK instruction (Arm ARM, ESR_EL2: exception class 0x3c).
  EXPECT_TRUE(SerialContains(machine,
                             "\nbulkhead: fatal: exception while booting: ESR 0xf2000001 at "
                             "0xffffffff800"));
  EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
}

TEST(ImageEntry, RefusesALongCommandLine) {
  QemuOptions options = Direct();
  options.append = std::string(1024, 'x');
  ExpectRefused(options, "the command line is too long");
}

}  // namespace
}  // namespace bulkhead
