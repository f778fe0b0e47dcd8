// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The live page tables of a running node, seen from outside: nothing is writable and executable.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/harness/node.h"
#include "tests/wx/monitor.h"
#include "tests/wx/page_walker.h"

namespace bulkhead {
namespace {

constexpr int kMemoryMib = 128;
constexpr uint64_t kUpperHalf = uint64_t{1} << 63;
constexpr uint64_t kImageBase = 0xffff'ffff'8000'0000;
// Where the programs are linked (runtime/*.ld).
constexpr uint64_t kSupervisorText = 0x400000;
constexpr uint64_t kVmmText = 0x800000;
constexpr uint64_t kCr0WriteProtect = 1 << 16;
constexpr uint64_t kEferNoExecute = 1 << 11;

struct Registers {
  uint64_t cr0, cr3, efer;
};

uint64_t Register(const std::string& text, const std::string& name) {
  const size_t at = text.find(name + "=");
  EXPECT_NE(at, std::string::npos) << text;
  return at == std::string::npos ? 0
                                 : std::strtoull(text.c_str() + at + name.size() + 1, nullptr, 16);
}

Registers ReadRegisters(Monitor& monitor) {
  const std::string text = monitor.Run("info registers");
  return {Register(text, "CR0"), Register(text, "CR3"), Register(text, "EFER")};
}

// Stopped, with what its memory held.
std::string Dump(Monitor& monitor, const TempDirectory& directory) {
  const std::string path = directory / "memory";
  // Quoted, or the monitor takes the path's slash for a division.
  monitor.Run("pmemsave 0 " + std::to_string(uint64_t{kMemoryMib} << 20) + " \"" + path + "\"");
  return ReadFileOrDie(path);
}

bool Executes(const std::vector<Mapping>& mappings, uint64_t address) {
  return std::any_of(mappings.begin(), mappings.end(), [&](const Mapping& mapping) {
    return mapping.execute && address >= mapping.address &&
           address < mapping.address + mapping.length;
  });
}

// Guests have a CR3 of their own; a top-level table of the node runs the hypervisor.
bool IsHostTable(const std::string& memory, uint64_t cr3) {
  std::vector<std::string> problems;
  return Executes(WalkPageTables(memory, cr3, &problems), kImageBase) && problems.empty();
}

std::string Lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class WriteXorExecute : public testing::TestWithParam<bool> {};

TEST_P(WriteXorExecute, LivePageTables) {
  Monitor monitor;
  TestNodeOptions options = {
      .pods = {{.name = "chatter", .cmdline = "testguest.mode=chatter"},
               {.name = "spin", .cmdline = "testguest.mode=spin-masked"}},
      .uefi = GetParam(),
      .qemu_arguments = monitor.QemuArguments(),
  };
  options.qemu_arguments.insert(options.qemu_arguments.end(), {"-m", std::to_string(kMemoryMib)});
  TestNode node(options);
  ASSERT_TRUE(node.RunUntil(
      [&] { return node.pod(0).console.size() > 1000 && node.pod(1).console.size() > 4; }));

  // One stop at which the hypervisor's own tables, or a process's, are in use.
  const TempDirectory directory;
  monitor.Run("stop");
  std::string memory = Dump(monitor, directory);
  Registers registers = ReadRegisters(monitor);
  const auto again = [&] {
    monitor.Run("cont");
    const size_t said = node.pod(0).console.size();
    EXPECT_TRUE(node.RunUntil([&] { return node.pod(0).console.size() > said; }));
    monitor.Run("stop");
    registers = ReadRegisters(monitor);
  };
  for (int i = 0; i < 1000 && !IsHostTable(memory, registers.cr3); ++i) {
    again();
    if (!IsHostTable(memory, registers.cr3)) continue;
    memory = Dump(monitor, directory);
  }
  ASSERT_TRUE(IsHostTable(memory, registers.cr3)) << "the node never ran";

  // Every address space there is: the hypervisor's own, the supervisor's, two VMMs'.
  std::map<uint64_t, std::vector<Mapping>> spaces;
  for (const uint64_t root : FindRoots(memory, registers.cr3 & ~uint64_t{0xfff})) {
    std::vector<std::string> problems;
    spaces[root] = WalkPageTables(memory, root, &problems);
    EXPECT_EQ(Lines(problems), "");
  }
  std::set<uint64_t> supervisors, vmms;
  std::vector<Mapping> kernel_text, user_text;
  for (const auto& [root, mappings] : spaces) {
    SCOPED_TRACE(ToString({root, 0, 0, false, false, false}));
    EXPECT_EQ(Lines(FindBadMappings(mappings)), "");
    EXPECT_TRUE(Executes(mappings, kImageBase));
    if (Executes(mappings, kSupervisorText)) supervisors.insert(root);
    if (Executes(mappings, kVmmText)) vmms.insert(root);
    for (const Mapping& mapping : mappings) {
      if (!mapping.execute) continue;
      auto& text = mapping.address >= kUpperHalf ? kernel_text : user_text;
      if (std::find(text.begin(), text.end(), mapping) == text.end()) text.push_back(mapping);
    }
  }
  EXPECT_EQ(supervisors.size(), 1u);
  EXPECT_EQ(vmms.size(), 2u);
  EXPECT_EQ(spaces.size(), 4u);
  for (const auto& [root, mappings] : spaces) {
    EXPECT_EQ(Lines(FindWritableAliases(kernel_text, mappings)), "");
    // The hypervisor reaches all memory; processes reach nobody's text to write.
    std::vector<Mapping> lower;
    for (const Mapping& mapping : mappings) {
      if (mapping.address < kUpperHalf) lower.push_back(mapping);
    }
    EXPECT_EQ(Lines(FindWritableAliases(user_text, lower)), "");
  }

  // These tables are what the processor uses, and it heeds them.
  std::set<uint64_t> used;
  const auto all_used = [&] {
    return used.count(*supervisors.begin()) != 0 &&
           std::any_of(vmms.begin(), vmms.end(),
                       [&](uint64_t vmm) { return used.count(vmm) != 0; });
  };
  ASSERT_FALSE(HasFailure());
  for (int i = 0; i < 10'000 && !all_used(); ++i) {
    const uint64_t root = registers.cr3 & ~uint64_t{0xfff};
    if (spaces.count(root) != 0) {
      used.insert(root);
      EXPECT_NE(registers.cr0 & kCr0WriteProtect, 0u);
      EXPECT_NE(registers.efer & kEferNoExecute, 0u);
    }
    again();
  }
  EXPECT_TRUE(all_used()) << used.size() << " of the tables were seen in use";

  monitor.Run("cont");
  node.Send(NodeFrameType::kPodStop, 0);
  node.Send(NodeFrameType::kPodStop, 1);
  EXPECT_TRUE(node.RunToEnd());
}

INSTANTIATE_TEST_SUITE_P(Boot, WriteXorExecute, testing::Bool(),
                         [](const auto& info) { return info.param ? "Firmware" : "Direct"; });

}  // namespace
}  // namespace bulkhead
