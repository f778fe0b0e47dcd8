// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// States that the processor refuses end one run of one virtual processor, with the reason.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "boot/multiboot2/grub_iso.h"
#include "boot/testing/bundle_writer.h"
#include "cli/bochs.h"
#include "tests/harness/architecture.h"
#include "tests/harness/bochs.h"
#include "tests/harness/files.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(60);
constexpr uint64_t kMemory = uint64_t{64} << 20;  // bytes
const char* HypervisorFile() { return Facts(Architecture::kX86_64).files.boot_image; }
constexpr char kEnd[] = "end of the refused states";

// What a bundle with the program as its supervisor is written to.
void WriteBundle(const std::string& file) {
  BundleWriter writer;
  writer.Add("supervisor", ReadFileOrDie("tests/entry/refused_states.elf"), 0100644, 4096);
  std::ofstream(file, std::ios::binary) << writer.Finish();
}

// All of a plan's checks are there and ok.
testing::AssertionResult Passed(const std::string& log) {
  std::istringstream lines(log);
  std::string line;
  int ok = 0;
  int planned = -1;
  std::string wrong;
  while (std::getline(lines, line)) {
    if (line.starts_with("ok ")) ++ok;
    if (line.starts_with("not ok ")) wrong += "\n" + line;
    if (line.starts_with("1..")) planned = std::stoi(line.substr(3));
  }
  if (wrong.empty() && planned == ok && ok >= 15) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << planned << " planned, " << ok << " ok; wrong:" << wrong << "\n---\n"
         << log;
}

// The second gives exceptions an error code or none, as the hypervisor wants.
class VtX : public testing::TestWithParam<std::string> {};

TEST_P(VtX, RefusesStates) {
  const TempDirectory directory;
  const std::string bundle = directory / "bundle.cpio";
  WriteBundle(bundle);
  ASSERT_TRUE(
      MakeGrubIso({.hypervisor = HypervisorFile(), .bundle = bundle}, directory / kBochsCd, {})
          .ok());
  BochsMachine machine({.directory = directory.path(), .memory = kMemory, .cpu = GetParam()});
  ASSERT_TRUE(machine.RunUntilSerial(kEnd, kDeadline));
  EXPECT_TRUE(SerialContains(machine, "virtualization: VT-x\n"));
  EXPECT_TRUE(Passed(machine.serial()));
}
INSTANTIATE_TEST_SUITE_P(Models, VtX, testing::Values(kDefaultBochsCpu, "tigerlake"),
                         [](const auto& model) { return model.param; });

// It has VT-x and EPT. What the hypervisor lacks is on its first line.
TEST(VtXWithoutUnrestrictedGuest, IsRefused) {
  const TempDirectory directory;
  const std::string bundle = directory / "bundle.cpio";
  WriteBundle(bundle);
  ASSERT_TRUE(
      MakeGrubIso({.hypervisor = HypervisorFile(), .bundle = bundle}, directory / kBochsCd, {})
          .ok());
  BochsMachine machine(
      {.directory = directory.path(), .memory = kMemory, .cpu = "corei5_lynnfield_750"});
  ASSERT_TRUE(machine.RunUntilSerial("no unrestricted guest", kDeadline));
  ASSERT_TRUE(machine.RunUntilSerial("no virtual machine can be made", kDeadline));
}

TEST(RefusedStates, OnAmdV) {
  const TempDirectory directory;
  const std::string bundle = directory / "bundle.cpio";
  WriteBundle(bundle);
  QemuMachine machine({.kernel = HypervisorFile(), .initrd = bundle});
  ASSERT_TRUE(machine.RunUntilSerial(kEnd, kDeadline));
  EXPECT_TRUE(Passed(machine.serial()));
}

}  // namespace
}  // namespace bulkhead
