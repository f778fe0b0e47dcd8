// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The live page tables of a running node, seen from outside: nothing is writable and executable.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/harness/gdb_stub.h"
#include "tests/harness/node.h"
#include "tests/wx/monitor.h"
#include "tests/wx/page_walker.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{128} << 20;
// Without the flags beside it.
constexpr uint64_t kRootAddress = 0x0000'ffff'ffff'f000;
constexpr uint64_t kImageBase = 0xffff'ffff'8000'0000;
// Where the programs are linked (runtime/*.ld).
constexpr uint64_t kSupervisorText = 0x400000;
constexpr uint64_t kVmmText = 0x800000;
// Reached only when something is wrong: a few dozen are usual.
constexpr int kMaxStops = 10'000;

// What the processor heeds the tables by: these bits of this register.
struct Control {
  const char* name;
  uint64_t mask;
  uint64_t value;
};

struct Processor {
  const TableFormat& tables;
  uint64_t memory_start;
  const char* lower_root;  // registers
  const char* upper_root;
  std::vector<Control> controls;
};

Processor ProcessorOf(Architecture architecture) {
  if (architecture == Architecture::kX86_64) {
    return {.tables = kX86_64Tables,
            .memory_start = 0,
            .lower_root = "cr3",
            .upper_root = "cr3",
            .controls = {{"cr0", 1 << 16, 1 << 16},     // WP
                         {"cr4", 1 << 20, 1 << 20},     // SMEP
                         {"efer", 1 << 11, 1 << 11}}};  // NXE
  }
  // Arm ARM, TCR_EL2 with E2H: T0SZ and T1SZ 16, TG0 and TG1 4 KiB; no HPD0, HPD1, HA, HD, DS.
  constexpr uint64_t kTcrMask = 0xc03f'c03f | uint64_t{0xf} << 39 | uint64_t{1} << 59;
  constexpr uint64_t kTcrValue = 0x8010'0010;
  return {.tables = kAarch64Tables,
          .memory_start = 0x4000'0000,
          .lower_root = "TTBR0_EL2",
          .upper_root = "TTBR1_EL2",
          .controls = {{"HCR_EL2", uint64_t{1} << 34, uint64_t{1} << 34},  // E2H
                       {"SCTLR_EL2", 1 << 19 | 1, 1 << 19 | 1},            // WXN, M
                       {"TCR_EL2", kTcrMask, kTcrValue}}};
}

using Mappings = std::vector<Mapping>;

bool Executes(const Mappings& mappings, uint64_t address) {
  return std::any_of(mappings.begin(), mappings.end(), [&](const Mapping& mapping) {
    return mapping.rights.execute() && address >= mapping.address &&
           address < mapping.address + mapping.length;
  });
}

bool OfSupervisor(const Mappings& mappings) { return Executes(mappings, kSupervisorText); }
bool OfVmm(const Mappings& mappings) { return Executes(mappings, kVmmText); }

// On x86_64 other processors start in real mode and turn paging on in one page, mapped where it
// lies by tables that nobody uses afterwards.
bool IsStartPage(const Mapping& mapping) {
  constexpr uint64_t kLowMemoryEnd = 0xa0000;
  return mapping.address != 0 && mapping.address < kLowMemoryEnd && mapping.length == 4096 &&
         mapping.rights.execute() && !mapping.rights.write;
}

std::string Text(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class WriteXorExecute : public testing::TestWithParam<std::tuple<Architecture, bool>> {
 protected:
  WriteXorExecute() : processor_(ProcessorOf(architecture())), node_(Options()) {}

  static Architecture architecture() { return std::get<0>(GetParam()); }

  // Two pods that keep themselves, their VMMs and the supervisor busy.
  TestNodeOptions Options() const {
    TestNodeOptions options = {
        .architecture = architecture(),
        .pods = {{.name = "a", .cmdline = "testguest.mode=chatter"},
                 {.name = "b", .cmdline = "testguest.mode=chatter"}},
        .uefi = std::get<1>(GetParam()),
        .qemu_arguments = {"-m", std::to_string(kMemoryBytes >> 20)},
    };
    for (const auto& more : {monitor_.QemuArguments(), gdb_.QemuArguments()}) {
      options.qemu_arguments.insert(options.qemu_arguments.end(), more.begin(), more.end());
    }
    return options;
  }

  // Of the stopped machine.
  PhysicalMemory Memory() {
    const TempDirectory directory;
    const std::string path = directory / "memory";
    // Quoted, or the monitor takes the path's slash for a division.
    monitor_.Run("pmemsave " + std::to_string(processor_.memory_start) + " " +
                 std::to_string(kMemoryBytes) + " \"" + path + "\"");
    bytes_ = ReadFileOrDie(path);
    return {bytes_, processor_.memory_start};
  }

  Mappings Walk(const PhysicalMemory& memory, uint64_t lower_root,
                std::vector<std::string>* problems) {
    const Roots roots = {lower_root, gdb_.ReadRegister(processor_.upper_root)};
    return WalkPageTables(processor_.tables, memory,
                          processor_.tables.one_root ? Roots{lower_root, lower_root} : roots,
                          problems);
  }

  void ExpectControls() {
    for (const Control& control : processor_.controls) {
      EXPECT_EQ(gdb_.ReadRegister(control.name) & control.mask, control.value) << control.name;
    }
  }

  // Lets the stopped machine run on for a while.
  void RunOn() {
    gdb_.Continue();
    const size_t said = node_.pod(0).console.size();
    EXPECT_TRUE(node_.RunUntil([&] { return node_.pod(0).console.size() > said; }));
    gdb_.Interrupt();
  }

  // The lower roots that the stopped machine is seen with, until it has been in each of the three
  // processes: the supervisor's, two VMMs'. The hypervisor's own may be among them.
  std::set<uint64_t> FindRootsInUse();

  const Processor processor_;
  std::string bytes_;
  Monitor monitor_;
  GdbStub gdb_;
  TestNode node_;
};

std::set<uint64_t> WriteXorExecute::FindRootsInUse() {
  std::set<uint64_t> seen, of_node, of_processes;
  const PhysicalMemory memory = Memory();
  for (int i = 0; i < kMaxStops && of_processes.size() < 3; ++i, RunOn()) {
    const uint64_t root = gdb_.ReadRegister(processor_.lower_root) & kRootAddress;
    if (!seen.insert(root).second) continue;
    // Guests on x86_64 have tables of their own in this register; all of the node's run the
    // hypervisor.
    std::vector<std::string> problems;
    const Mappings mappings = Walk(memory, root, &problems);
    if (!problems.empty() || !Executes(mappings, kImageBase)) continue;
    ExpectControls();
    of_node.insert(root);
    if (OfSupervisor(mappings) || OfVmm(mappings)) of_processes.insert(root);
  }
  EXPECT_EQ(of_processes.size(), 3u) << "not every process was seen to run";
  return of_node;
}

TEST_P(WriteXorExecute, LivePageTables) {
  ASSERT_TRUE(node_.RunUntil(
      [&] { return node_.pod(0).console.size() > 1000 && node_.pod(1).console.size() > 1000; }));
  gdb_.Interrupt();
  const std::set<uint64_t> in_use = FindRootsInUse();
  ASSERT_FALSE(HasFailure());

  // Every address space there is, at one moment.
  const PhysicalMemory memory = Memory();
  std::set<uint64_t> roots = in_use;
  if (processor_.tables.one_root) {
    const std::vector<uint64_t> all = FindRoots(memory, *in_use.begin());
    roots = {all.begin(), all.end()};
    EXPECT_TRUE(std::includes(roots.begin(), roots.end(), in_use.begin(), in_use.end()));
  }
  std::vector<Mappings> spaces;
  size_t supervisors = 0;
  size_t vmms = 0;
  size_t start_pages = 0;
  Mappings kernel_text, user_text;
  for (const uint64_t root : roots) {
    SCOPED_TRACE(root);
    std::vector<std::string> problems;
    Mappings mappings = Walk(memory, root, &problems);
    EXPECT_EQ(Text(problems), "");
    if (!OfSupervisor(mappings) && !OfVmm(mappings)) {
      start_pages += std::erase_if(mappings, IsStartPage);
    }
    EXPECT_EQ(Text(FindBadMappings(mappings)), "");
    EXPECT_TRUE(Executes(mappings, kImageBase));
    supervisors += OfSupervisor(mappings) ? 1 : 0;
    vmms += OfVmm(mappings) ? 1 : 0;
    for (const Mapping& mapping : mappings) {
      if (mapping.rights.execute())
        (mapping.upper_half() ? kernel_text : user_text).push_back(mapping);
    }
    spaces.push_back(mappings);
  }
  EXPECT_EQ(supervisors, 1u);
  EXPECT_EQ(vmms, 2u);
  // And the hypervisor's own, and where processors start there differently, that one's.
  EXPECT_EQ(start_pages, processor_.tables.one_root ? 1u : 0u);
  EXPECT_LE(spaces.size(), 4 + start_pages);
  for (const Mappings& mappings : spaces) {
    EXPECT_EQ(Text(FindWritableAliases(kernel_text, mappings)), "");
    // The hypervisor reaches all memory; processes reach nobody's text to write.
    Mappings lower;
    std::copy_if(mappings.begin(), mappings.end(), std::back_inserter(lower),
                 [](const Mapping& mapping) { return !mapping.upper_half(); });
    EXPECT_EQ(Text(FindWritableAliases(user_text, lower)), "");
  }

  gdb_.Detach();
  node_.Send(NodeFrameType::kPodStop, 0);
  node_.Send(NodeFrameType::kPodStop, 1);
  EXPECT_TRUE(node_.RunToEnd());
}

INSTANTIATE_TEST_SUITE_P(All, WriteXorExecute,
                         testing::Combine(testing::ValuesIn(kArchitectures), testing::Bool()),
                         [](const auto& info) {
                           return NameOf(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "_Firmware" : "_Direct");
                         });

}  // namespace
}  // namespace bulkhead
