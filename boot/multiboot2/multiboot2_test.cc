// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The entry for multiboot2 loaders, by GRUB from a CD in QEMU, with the stand-in hypervisor.

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "boot/multiboot2/grub_iso.h"
#include "boot/testing/bundle_writer.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(60);
const char kHypervisor[] = "boot/testing/stand_in_hypervisor_x86_64.elf";

class Multiboot2 : public testing::Test {
 protected:
  // The options of a machine that boots from such a CD.
  QemuOptions Cd(const std::string& bundle, const std::string& command_line) {
    GrubIso iso = {.hypervisor = kHypervisor, .command_line = command_line};
    if (!bundle.empty()) {
      iso.bundle = directory_ / "bundle.cpio";
      WriteFileOrDie(iso.bundle, bundle);
    }
    const std::string file = directory_ / "node.iso";
    const absl::Status made = MakeGrubIso(iso, file, {});
    EXPECT_TRUE(made.ok()) << made;
    return {.cd = file};
  }

  static std::string GoodBundle() {
    return BundleWriter()
        .Add("supervisor", "abc")
        .Add("vmm", std::string(5000, 'v'), 0100644, 4096)
        .Finish();
  }

  TempDirectory directory_;
};

TEST_F(Multiboot2, HandsOverTheBootInfo) {
  QemuMachine machine(Cd(GoodBundle(), "log=all pods=1 $x;{y}"));
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "stand-in hypervisor\nimage 0x200000 length "));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line [log=all pods=1 $x;{y}]\n"));
  EXPECT_TRUE(SerialContains(machine, "\nserial 0x3f8\n"));
  EXPECT_TRUE(SerialContains(machine, "\nusable MiB 511\n"));
  EXPECT_TRUE(SerialContains(machine, "\nok: rsdp\n"));
  EXPECT_TRUE(SerialContains(machine, "\nentry supervisor size 3 sum 96354\nentry vmm size 5000"));
  EXPECT_TRUE(SerialContains(machine, "\nend of stand-in\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
  EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
}

TEST_F(Multiboot2, WorksWithoutBundleAndCommandLine) {
  QemuMachine machine(Cd("", ""));
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "\nbundle 0x0 length 0x0\n"));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line []\n"));
  EXPECT_TRUE(SerialContains(machine, "\nbundle: empty or not given\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
}

TEST_F(Multiboot2, KeepsTheRootPointerWhereItLies) {
  // Nothing but the root pointer on its page, or the bundle's last page.
  for (const std::string& bundle : {std::string(), GoodBundle()}) {
    QemuMachine machine(Cd(bundle, ""));
    ASSERT_TRUE(machine.RunToEnd(kDeadline));
    EXPECT_TRUE(SerialContains(machine, "\nok: rsdp\n"));
    EXPECT_TRUE(SerialContains(machine, "\nok: rsdp in no usable region\n"));
  }
}

TEST_F(Multiboot2, SeesMemoryAbove4GiB) {
  QemuOptions options = Cd(GoodBundle(), "");
  options.memory_mib = 5120;
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "\nregion 0x000100000000 0x0001c0000000 usable\n"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
}

TEST_F(Multiboot2, RefusesALongCommandLineInOneLine) {
  QemuMachine machine(Cd("", std::string(1024, 'x')));
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_EQ(machine.serial(), "bulkhead: fatal: the command line is too long\n");
}

TEST_F(Multiboot2, ShowsATruncatedBundle) {
  QemuMachine machine(Cd(GoodBundle().substr(0, 6000), ""));
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "\nbundle: entry 'vmm' runs past the end"));
  EXPECT_FALSE(SerialContains(machine, "BAD"));
}

}  // namespace
}  // namespace bulkhead
