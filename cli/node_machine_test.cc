// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/accelerator.h"
#include "cli/node_log.h"
#include "cli/progress.h"
#include "cli/qemu_machine.h"

namespace bulkhead {
namespace {

TEST(Accelerator, KvmOnlyWhereItNestsAndMayBeUsed) {
  HostFacts facts;
  facts.cpuinfo = "processor : 0\nflags\t\t: fpu svm lm\n";
  facts.nested_amd = "1\n";
  facts.kvm_usable = true;
  EXPECT_EQ(ChooseAccelerator(facts), Accelerator::kKvm);
  facts.nested_amd = "0\n";
  EXPECT_EQ(ChooseAccelerator(facts), Accelerator::kTcg);
  facts.nested_amd = "Y\n";
  facts.kvm_usable = false;
  EXPECT_EQ(ChooseAccelerator(facts), Accelerator::kTcg);
  facts.kvm_usable = true;
  facts.cpuinfo = "flags : fpu vmx svm_lock lm\n";
  EXPECT_EQ(ChooseAccelerator(facts), Accelerator::kTcg);
  facts.nested_intel = "Y\n";
  EXPECT_EQ(ChooseAccelerator(facts), Accelerator::kKvm);
  EXPECT_EQ(ChooseAccelerator(HostFacts{"", "", "", true}), Accelerator::kTcg);
}

bool Has(const std::vector<std::string>& words, const std::string& word) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& one) { return one.find(word) != std::string::npos; });
}

NodeMachineConfig Config(Architecture arch) {
  NodeMachineConfig config;
  config.arch = arch;
  config.program = EmulatorProgram(MachineKind::kQemu, arch);
  config.boot_image = "/h";
  config.bundle = "/b";
  config.memory = uint64_t{300} << 20;
  config.directory = "/a,b";
  config.firmware_directory = "/f";
  return config;
}

TEST(Qemu, DirectAndUefi) {
  NodeMachineConfig config = Config(Architecture::kX86_64);
  std::vector<std::string> words = QemuArguments(config);
  EXPECT_EQ(words[0], "qemu-system-x86_64");
  EXPECT_TRUE(Has(words, "-kernel") && Has(words, "/b") && Has(words, "300M"));
  EXPECT_TRUE(Has(words, "accel=tcg") && Has(words, "la57=off") && !Has(words, "pflash"));
  EXPECT_FALSE(Has(words, "-S"));
  EXPECT_TRUE(Has(words, "virtconsole,chardev=node") && !Has(words, "chardev:node"));
  config.firmware = FirmwareKind::kUefi;
  config.gdb = true;
  config.cpus = 4;
  words = QemuArguments(config);
  EXPECT_TRUE(Has(words, "tcg,thread=single") && Has(words, "4"));
  config.accelerator = Accelerator::kKvm;
  words = QemuArguments(config);
  EXPECT_TRUE(Has(words, "pflash") && Has(words, "/a,,b/esp.img") && Has(words, "accel=kvm"));
  EXPECT_TRUE(Has(words, "/f/OVMF_CODE_4M.fd"));
  EXPECT_TRUE(!Has(words, "-kernel") && Has(words, "-S"));
}

TEST(Qemu, Arm64HasEl2AndGicV3) {
  NodeMachineConfig config = Config(Architecture::kAarch64);
  std::vector<std::string> words = QemuArguments(config);
  EXPECT_EQ(words[0], "qemu-system-aarch64");
  EXPECT_TRUE(Has(words, "virt,virtualization=on,gic-version=3") && Has(words, "neoverse-n1"));
  EXPECT_TRUE(Has(words, "-kernel") && Has(words, "/h") && Has(words, "virtio-serial-pci"));
  EXPECT_FALSE(Has(words, "q35") || Has(words, "la57"));
  config.firmware = FirmwareKind::kUefi;
  words = QemuArguments(config);
  EXPECT_TRUE(Has(words, "/f/AAVMF_CODE.fd") && Has(words, "/a,,b/esp.img"));
  EXPECT_FALSE(Has(words, "-kernel"));
}

TEST(Qemu, WhatIsMissingNamesThePackage) {
  NodeMachineConfig config = Config(Architecture::kAarch64);
  config.program = "/bin/sh";
  EXPECT_TRUE(CheckMachine(config).ok());
  config.firmware_directory = "/nonexistent";
  EXPECT_TRUE(CheckMachine(config).ok());
  config.firmware = FirmwareKind::kUefi;
  EXPECT_EQ(CheckMachine(config).message(),
            "the UEFI firmware /nonexistent/AAVMF_CODE.fd is missing; install the package "
            "qemu-efi-aarch64, or use --firmware direct");
  config.arch = Architecture::kX86_64;
  EXPECT_NE(std::string(CheckMachine(config).message()).find("package ovmf"), std::string::npos);
  config.program = "absent-emulator";
  EXPECT_EQ(CheckMachine(config).message(),
            "absent-emulator is not installed; install the package qemu-system-x86");
  config.arch = Architecture::kAarch64;
  EXPECT_EQ(CheckMachine(config).message(),
            "absent-emulator is not installed; install the package qemu-system-arm");
  config.machine = MachineKind::kBochs;
  EXPECT_EQ(CheckMachine(config).message(),
            "absent-emulator is not installed; install the package bochs, or use --machine qemu");
}

TEST(Qemu, MemoryHoldsPodAndBundle) {
  const uint64_t mib = uint64_t{1} << 20;
  for (const Architecture arch : {Architecture::kX86_64, Architecture::kAarch64}) {
    const uint64_t direct = NodeMemory(arch, 512 * mib, 100 * mib + 1, FirmwareKind::kDirect);
    EXPECT_EQ(direct % mib, 0u);
    EXPECT_GE(direct, 640 * mib);
    EXPECT_GT(NodeMemory(arch, 512 * mib, 100 * mib, FirmwareKind::kUefi), direct);
  }
  // QEMU's virt machine leaves the first 128 MiB below the bundle.
  EXPECT_GE(NodeMemory(Architecture::kAarch64, 16 * mib, 400 * mib, FirmwareKind::kDirect),
            528 * mib);
}

TEST(NodeLog, KeepsTheLastLines) {
  std::vector<std::string> seen;
  NodeLog log([&](const std::string& line) { seen.push_back(line); });
  const std::string text = "one\r\n\n\x1b[31mtwo\nbulkhead: fatal: no AMD-V\nrest";
  for (const char& c : text) log.Feed(std::as_bytes(std::span(&c, 1)));
  EXPECT_EQ(seen, (std::vector<std::string>{"one", "?[31mtwo", "bulkhead: fatal: no AMD-V"}));
  log.Finish();
  EXPECT_EQ(seen.back(), "rest");
  EXPECT_EQ(log.Find("fatal: "), "fatal: no AMD-V");
  EXPECT_EQ(log.Find("nothing"), "");
  const std::string many(100'000, '\n');
  for (int i = 0; i < 1000; ++i) log.Feed(std::as_bytes(std::span<const char>("x\n", 2)));
  EXPECT_LE(log.lines().size(), 200u);
}

TEST(Progress, OnlyAfterASecond) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  Progress::Clock::time_point now;
  {
    Progress progress(fds[1], true, [&] { return now; });
    progress.Step("fetching");
    now += std::chrono::milliseconds(999);
    progress.Tick();
    progress.Step("unpacking");
    now += std::chrono::milliseconds(2);
    progress.Tick();
    progress.Tick();
    progress.Finish();
    now += std::chrono::seconds(10);
    progress.Step("late");
  }
  close(fds[1]);
  char buffer[256];
  const ssize_t n = read(fds[0], buffer, sizeof(buffer));
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(n)),
            "\r"
            "bulkhead: unpacking (1 s)\x1b[K\r\x1b[K");
  close(fds[0]);
}

}  // namespace
}  // namespace bulkhead
