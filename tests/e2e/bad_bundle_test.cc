// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Bundles that hypervisor and supervisor must refuse with one clear line. (What the UEFI loader
// sees is tested beside it, in boot/uefi.)

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "boot/multiboot2/grub_iso.h"
#include "boot/testing/bundle_writer.h"
#include "tests/harness/node.h"
#include "tests/harness/qemu.h"

namespace bulkhead {
namespace {

constexpr std::chrono::seconds kDeadline(120);
constexpr char kFatal[] = "bulkhead: fatal: ";

size_t Count(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

class BadBundle : public testing::TestWithParam<Architecture> {
 protected:
  static const NodeFiles& Files() { return Facts(GetParam()).files; }
  static std::string Supervisor() { return ReadFileOrDie(Files().supervisor); }
  static BundleWriter Programs() {
    BundleWriter writer;
    writer.Add("supervisor", Supervisor());
    writer.Add("vmm", ReadFileOrDie(Files().vmm));
    return writer;
  }

  static void ExpectHypervisorRefuses(const std::string& bundle, const std::string& text);
  static void ExpectSupervisorRefuses(const std::string& bundle, const std::string& text);
  static void ExpectPodRefused(const std::string& bundle, const std::string& text);
};

// Seen before there is a supervisor: on the UART only.
void BadBundle::ExpectHypervisorRefuses(const std::string& bundle, const std::string& text) {
  SCOPED_TRACE(text);
  TestNode node({.architecture = GetParam(), .bundle = bundle});
  ASSERT_TRUE(node.machine().RunToEnd(kDeadline));
  EXPECT_EQ(Count(node.machine().serial(), kFatal), 1u);
  EXPECT_TRUE(SerialContains(node.machine(), kFatal + text));
}

// Seen by the supervisor: on the UART, and through the node channel.
void BadBundle::ExpectSupervisorRefuses(const std::string& bundle, const std::string& text) {
  SCOPED_TRACE(text);
  TestNode node({.architecture = GetParam(), .bundle = bundle});
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_NE(node.node_error().find(text), std::string::npos) << node.node_error();
  EXPECT_EQ(Count(node.machine().serial(), kFatal), 1u);
  EXPECT_TRUE(SerialContains(node.machine(), kFatal + text));
}

void BadBundle::ExpectPodRefused(const std::string& bundle, const std::string& text) {
  SCOPED_TRACE(text);
  TestNode node({.architecture = GetParam(), .bundle = bundle});
  ASSERT_TRUE(node.RunToEnd());
  EXPECT_EQ(node.node_error(), "");
  EXPECT_EQ(node.pod(0).end, PodEnd::kNotStarted);
  EXPECT_NE(node.pod(0).reason.find(text), std::string::npos) << node.pod(0).reason;
}

constexpr char kPodConfig[] = "version=1\nmemory=20971520\ncpus=1\ncmdline=\n";

TEST_P(BadBundle, None) {
  QemuMachine machine({.architecture = GetParam(), .kernel = Files().boot_image});
  ASSERT_TRUE(machine.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(machine, "bulkhead: fatal: no bundle was loaded"));
}

TEST(BadBundleOnACd, IsRefused) {
  const TempDirectory directory;
  GrubIso iso = {.hypervisor = Facts(Architecture::kX86_64).files.boot_image};
  const std::string file = directory / "node.iso";
  ASSERT_TRUE(MakeGrubIso(iso, file, {}).ok());
  QemuMachine none({.cd = file});
  ASSERT_TRUE(none.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(none, "bulkhead: fatal: no bundle was loaded"));

  iso.bundle = directory / "bundle.cpio";
  WriteFileOrDie(iso.bundle,
                 MakeTestBundle(Architecture::kX86_64, {{.name = "a"}}).substr(0, 5000));
  ASSERT_TRUE(MakeGrubIso(iso, file, {}).ok());
  QemuMachine truncated({.cd = file});
  ASSERT_TRUE(truncated.RunToEnd(kDeadline));
  EXPECT_TRUE(SerialContains(truncated, "bulkhead: fatal: bundle: entry 'hypervisor' runs past"));
}

TEST_P(BadBundle, SeenByTheHypervisor) {
  ExpectHypervisorRefuses(std::string(10000, 'x'), "bundle: bad magic at offset 0x0");
  BundleWriter first;
  first.Add("hypervisor", "the one that runs is not this one");
  std::string damaged = first.bytes() + Programs().Finish();
  damaged[first.bytes().size() + 5] = '7';
  ExpectHypervisorRefuses(damaged, "bundle: bad magic at offset 0x");
  ExpectHypervisorRefuses(MakeTestBundle(GetParam(), {{.name = "a"}}).substr(0, 5000),
                          "bundle: entry 'hypervisor' runs past the end");
  ExpectHypervisorRefuses(BundleWriter().Add("vmm", "x").Finish(), "bundle: no entry 'supervisor'");
  ExpectHypervisorRefuses(BundleWriter().Add("supervisor", "not a program").Finish(),
                          "bundle: entry 'supervisor' is ");
  ExpectHypervisorRefuses(BundleWriter().Add("supervisor", Supervisor().substr(0, 6000)).Finish(),
                          "bundle: entry 'supervisor' is truncated");
  const Architecture other =
      GetParam() == Architecture::kX86_64 ? Architecture::kAarch64 : Architecture::kX86_64;
  ExpectHypervisorRefuses(
      BundleWriter().Add("supervisor", ReadFileOrDie(Facts(other).files.supervisor)).Finish(),
      "bundle: entry 'supervisor' is ");
}

TEST_P(BadBundle, SeenByTheSupervisor) {
  const std::string supervisor = Supervisor();
  ExpectSupervisorRefuses(BundleWriter().Add("supervisor", supervisor).Finish(),
                          "bundle: no entry 'vmm'");
  ExpectSupervisorRefuses(
      BundleWriter().Add("supervisor", supervisor).Add("vmm", "not a program").Finish(),
      "bundle: entry 'vmm': ");
  ExpectSupervisorRefuses(Programs().Finish(), "bundle: has 0 pods; a node runs 1 to 128");
}

TEST_P(BadBundle, PodSeenByTheSupervisor) {
  const std::string kernel = ReadFileOrDie(TestGuestFile(GetParam()));
  ExpectPodRefused(Programs().Add("pods/a/pod", kPodConfig).Finish(),
                   "bundle: no entry 'pods/a/kernel'");
  ExpectPodRefused(Programs().Add("pods/a/pod", "version=1\nmemory=lots\n").Finish(),
                   "pod config: line 2: bad number for 'memory'");
  ExpectPodRefused(Programs()
                       .Add("pods/a/pod", kPodConfig)
                       .Add("x", "moves the next entry off its page", 0100644, 4096)
                       .Add("pods/a/kernel", kernel)
                       .Finish(),
                   "does not start on a page");
}

INSTANTIATE_TEST_SUITE_P(All, BadBundle, testing::ValuesIn(kArchitectures),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace bulkhead
