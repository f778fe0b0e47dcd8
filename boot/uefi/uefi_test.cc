// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The UEFI application under OVMF and AAVMF, with the stand-in hypervisor and with bundles that are
// wrong.

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "boot/testing/bundle_writer.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(120);

// Boots a system partition with the application of the architecture on it.
class Uefi : public testing::TestWithParam<Architecture> {
 protected:
  Uefi() {
    WriteFileOrDie(
        esp_ / EfiBootFile(GetParam()),
        ReadFileOrDie(IsX86() ? "boot/uefi/bulkhead.efi" : "boot/uefi/bulkhead_aarch64.efi"));
  }

  static bool IsX86() { return GetParam() == Architecture::kX86_64; }

  static std::string StandIn(Architecture architecture = GetParam()) {
    return ReadFileOrDie("boot/testing/stand_in_hypervisor_" + NameOf(architecture) + ".elf");
  }

  static std::string GoodBundle() {
    return BundleWriter()
        .Add("hypervisor", StandIn())
        .Add("vmm", std::string(5000, 'v'), 0100644, 4096)
        .Finish();
  }

  void Bundle(std::string_view bytes) { WriteFileOrDie(esp_ / "bulkhead/bundle.cpio", bytes); }
  void CommandLine(std::string_view text) { WriteFileOrDie(esp_ / "bulkhead/cmdline", text); }

  QemuOptions Options() const { return {.architecture = GetParam(), .esp = esp_.path()}; }

  // Boots; the machine must end by itself with this one line as its reason.
  void ExpectFatal(std::string_view line) { ExpectFatal(Options(), line); }
  static void ExpectFatal(const QemuOptions& options, std::string_view line) {
    QemuMachine machine(options);
    ASSERT_TRUE(machine.RunToEnd(kDeadline));
    EXPECT_TRUE(SerialContains(machine, "\nbulkhead: fatal: " + std::string(line) + "\n"));
    EXPECT_EQ(machine.serial().find("stand-in"), std::string::npos);
    EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
  }

  static void ExpectEntered(const QemuMachine& machine) {
    EXPECT_TRUE(SerialContains(machine, "\nstand-in hypervisor\n"));
    EXPECT_TRUE(SerialContains(machine, "\nok: image mapped one to one and at its link address\n"));
    EXPECT_TRUE(SerialContains(machine, "\nend of stand-in\n"));
    EXPECT_FALSE(SerialContains(machine, "BAD"));
    EXPECT_EQ(machine.exit_status(), 0) << machine.errors();
  }

  TempDirectory esp_;
};

TEST_P(Uefi, EntersTheHypervisor) {
  Bundle(GoodBundle());
  CommandLine("log=all pods=1\r\n");
  QemuMachine machine(Options());
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  ExpectEntered(machine);
  EXPECT_TRUE(SerialContains(machine, "bulkhead: loading the bundle\n"));
  EXPECT_TRUE(SerialContains(machine, "\ncommand line [log=all pods=1]\n"));
  EXPECT_TRUE(SerialContains(machine, IsX86() ? "\nserial 0x3f8\n" : "\nserial 0x9000000\n"));
  EXPECT_TRUE(SerialContains(machine, "\nok: rsdp\n"));
  EXPECT_TRUE(
      SerialContains(machine, "\nentry hypervisor size " + std::to_string(StandIn().size())));
  EXPECT_TRUE(SerialContains(machine, "\nentry vmm size 5000 "));
}

TEST_P(Uefi, SaysWhenThereIsNoBundle) { ExpectFatal("bundle: no file \\bulkhead\\bundle.cpio"); }

TEST_P(Uefi, SaysWhenTheBundleIsSomethingElse) {
  Bundle(std::string(10000, 'x'));
  ExpectFatal("bundle: bad magic at offset 0x0");
}

TEST_P(Uefi, SaysWhenTheBundleIsTruncated) {
  Bundle(GoodBundle().substr(0, 5000));
  ExpectFatal("bundle: entry 'hypervisor' runs past the end (" + std::to_string(StandIn().size()) +
              " bytes needed, 4876 left)");
}

TEST_P(Uefi, SaysWhenThereIsNoHypervisor) {
  Bundle(BundleWriter().Add("supervisor", StandIn()).Finish());
  ExpectFatal("bundle: no entry 'hypervisor'");
}

TEST_P(Uefi, SaysWhenTheHypervisorIsTruncated) {
  Bundle(BundleWriter().Add("hypervisor", StandIn().substr(0, 8192)).Finish());
  ExpectFatal("bundle: hypervisor: truncated (ends at byte 8192)");
}

TEST_P(Uefi, SaysWhenTheHypervisorIsForAnotherMachine) {
  const Architecture other = IsX86() ? Architecture::kAarch64 : Architecture::kX86_64;
  Bundle(BundleWriter().Add("hypervisor", StandIn(other)).Finish());
  ExpectFatal("bundle: hypervisor: made for another machine (ELF machine " +
              std::string(IsX86() ? "183" : "62") + ")");
}

TEST_P(Uefi, SaysWhenTheCommandLineIsTooLong) {
  Bundle(GoodBundle());
  CommandLine(std::string(1024, 'x'));
  ExpectFatal("cmdline: longer than 1023 bytes");
}

INSTANTIATE_TEST_SUITE_P(All, Uefi, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

class UefiX86 : public Uefi {};

TEST_P(UefiX86, MapsAllMemoryWithoutGigabytePages) {
  Bundle(GoodBundle());
  QemuOptions options = Options();
  options.memory_mib = 5120;
  options.cpu = "max,la57=off,pdpe1gb=off";
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  ExpectEntered(machine);
  EXPECT_TRUE(SerialContains(machine, "\ncommand line []\n"));
  EXPECT_TRUE(SerialContains(machine, " 0x0001c0000000 usable\nusable MiB 51"));
}

INSTANTIATE_TEST_SUITE_P(All, UefiX86, testing::Values(Architecture::kX86_64),
                         testing::PrintToStringParamName());

class UefiAarch64 : public Uefi {
 protected:
  static constexpr char kGic[] =
      "\ngicd 0x8000000 its 0x8080000 maintenance 25 timers 27 30 26\ngicr 0x80a0000 ";
};

TEST_P(UefiAarch64, FindsInterruptControllerAndTimeByAcpi) {
  Bundle(GoodBundle());
  QemuOptions options = Options();
  options.memory_mib = 4096;
  options.extra = {"-rtc", "base=2030-01-02T03:04:05"};
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  ExpectEntered(machine);
  EXPECT_TRUE(SerialContains(machine, kGic));
  // 1893553445 is the time at start; the counter starts with the machine.
  EXPECT_TRUE(SerialContains(machine, "\nwall clock 189355344"));
}

TEST_P(UefiAarch64, FindsInterruptControllerByDevicetree) {
  Bundle(GoodBundle());
  QemuOptions options = Options();
  options.extra = {"-no-acpi"};
  QemuMachine machine(options);
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  ExpectEntered(machine);
  EXPECT_TRUE(SerialContains(machine, kGic));
  EXPECT_TRUE(SerialContains(machine, "\nserial 0x9000000\n"));
  EXPECT_TRUE(SerialContains(machine, "\nok: devicetree\n"));
}

TEST_P(UefiAarch64, RefusesCpusThatCannotRunIt) {
  Bundle(GoodBundle());
  QemuOptions options = Options();
  options.cpu = "cortex-a57";
  ExpectFatal(options, "the CPU is too old: needs Armv8.1 VHE");
  options = Options();
  options.machine = "virt,gic-version=3";
  ExpectFatal(options,
              "started at EL1: the machine offers no virtualisation, or something else uses it");
}

INSTANTIATE_TEST_SUITE_P(All, UefiAarch64, testing::Values(Architecture::kAarch64),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace bulkhead
