// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/multiboot2/information.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace bulkhead {
namespace {

constexpr uint64_t kPhysical = 0x10000;

std::string Word(uint32_t value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::string Range(uint64_t address, uint64_t length, uint32_t type) {
  std::string bytes(sizeof(E820Range), '\0');
  const E820Range range = {address, length, type, 0};
  std::memcpy(bytes.data(), &range, sizeof(range));
  return bytes;
}

const std::string kMap = Word(24) + Word(0) + Range(0, 0x9fc00, 1) + Range(0x100000, 0x7ee0000, 1);
const std::string kOldRsdp = "RSD PTR " + std::string(12, 'o');
const std::string kNewRsdp = "RSD PTR " + std::string(28, 'n');

std::string Module(uint32_t start, uint32_t end, const std::string& text = std::string(1, '\0')) {
  return Word(start) + Word(end) + text;
}

// The list of tags.
class Tags {
 public:
  // `size` says how long the content claims to be; -1: as long as it is.
  Tags& Add(uint32_t type, const std::string& content, int size = -1) {
    const size_t used = size < 0 ? content.size() : static_cast<size_t>(size);
    bytes_ += Word(type) + Word(static_cast<uint32_t>(8 + used)) + content;
    bytes_.resize((bytes_.size() + 7) / 8 * 8, '\0');
    return *this;
  }
  Tags& CommandLine(const char* text) { return Add(1, std::string(text) + '\0'); }
  std::string End() { return Add(0, "").bytes(); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Information : public testing::Test {
 protected:
  const char* Read(const std::string& tags) {
    const size_t total = 8 + tags.size();
    bytes_.assign((total + 7) / 8, 0);
    auto* to = reinterpret_cast<char*>(bytes_.data());
    std::memcpy(to, Word(static_cast<uint32_t>(total)).data(), 4);
    std::memcpy(to + 8, tags.data(), tags.size());
    handover_ = {};
    return ReadMultiboot2Information(std::as_bytes(std::span(bytes_)).first(total), kPhysical,
                                     handover_);
  }

  std::vector<uint64_t> bytes_;  // what the handover points into
  LoaderHandover handover_;
};

TEST_F(Information, IsTaken) {
  Tags tags;
  tags.CommandLine("a=b c")
      .Add(2, std::string("GRUB 2.06\0", 10))
      .Add(3, Module(0x149000, 0x150801))
      .Add(3, Module(0x160000, 0x160001, std::string("second\0", 7)))
      .Add(6, kMap)
      .Add(99, "unknown");
  const uint64_t rsdp = kPhysical + 8 + tags.bytes().size() + 8;
  ASSERT_EQ(Read(tags.Add(14, kOldRsdp).End()), nullptr);
  EXPECT_EQ(handover_.command_line, "a=b c");
  EXPECT_EQ(handover_.bundle, 0x149000u);
  EXPECT_EQ(handover_.bundle_length, 0x7801u);
  ASSERT_EQ(handover_.memory_map.size(), 2u);
  EXPECT_EQ(handover_.memory_map[1].address, 0x100000u);
  EXPECT_EQ(handover_.memory_map[1].length, 0x7ee0000u);
  EXPECT_EQ(handover_.memory_map[1].type, 1u);
  EXPECT_EQ(handover_.rsdp, rsdp);
  EXPECT_EQ(handover_.rsdp_copy_length, 20u);
}

TEST_F(Information, MayBeEmpty) {
  ASSERT_EQ(Read(Tags().End()), nullptr);
  EXPECT_EQ(handover_.rsdp, 0u);
  EXPECT_EQ(handover_.bundle_length, 0u);
  EXPECT_TRUE(handover_.memory_map.empty());
  EXPECT_EQ(handover_.command_line, "");
}

TEST_F(Information, PrefersTheNewRootPointer) {
  const uint64_t first = kPhysical + 16;
  ASSERT_EQ(Read(Tags().Add(15, kNewRsdp).Add(14, kOldRsdp).End()), nullptr);
  EXPECT_EQ(handover_.rsdp, first);
  ASSERT_EQ(Read(Tags().Add(14, kOldRsdp).Add(15, kNewRsdp).End()), nullptr);
  EXPECT_EQ(handover_.rsdp, first + 32);
  EXPECT_EQ(handover_.rsdp_copy_length, 36u);
}

TEST_F(Information, IgnoresWhatIsBehindTheEnd) {
  EXPECT_EQ(Read(Tags().Add(0, "").Add(6, "nonsense", 100).bytes()), nullptr);
}

TEST_F(Information, NeedsAnEnd) {
  constexpr char kNoEnd[] = "multiboot2: the information has no end tag";
  EXPECT_STREQ(Read(""), kNoEnd);
  EXPECT_STREQ(Read(Tags().CommandLine("a").bytes()), kNoEnd);
  LoaderHandover handover;
  EXPECT_STREQ(ReadMultiboot2Information({}, kPhysical, handover), kNoEnd);
}

TEST_F(Information, RefusesWrongSizes) {
  for (const uint32_t size : {0u, 7u, 17u, 0xffffffffu}) {
    EXPECT_STREQ(Read(Word(1) + Word(size) + std::string(8, '\0')),
                 "multiboot2: a tag has a wrong size")
        << size;
  }
}

TEST_F(Information, RefusesBadTags) {
  struct Bad {
    uint32_t type;
    std::string content;
    const char* wrong;
  };
  const Bad all[] = {
      {1, "abc", "multiboot2: the command line does not end"},
      {1, "", "multiboot2: the command line does not end"},
      {3, Word(0x1000), "multiboot2: a module's tag is too short"},
      {3, Module(0x1000, 0x2000, ""), "multiboot2: a module's tag is too short"},
      {3, Module(0x2000, 0x1fff), "multiboot2: a module ends before it starts"},
      {6, Word(24), "multiboot2: the memory map's tag is too short"},
      {6, kMap.substr(0, 31), "multiboot2: the memory map's last entry is cut off"},
      {6, Word(0) + Word(0), "multiboot2: the memory map's entries are of an unknown version"},
      {6, Word(32) + Word(0), "multiboot2: the memory map's entries are of an unknown version"},
      {6, Word(24) + Word(1), "multiboot2: the memory map's entries are of an unknown version"},
      {14, kOldRsdp.substr(0, 19), "multiboot2: the copy of the ACPI root pointer is none"},
      {15, kNewRsdp.substr(0, 35), "multiboot2: the copy of the ACPI root pointer is none"},
      {15, std::string(36, 'x'), "multiboot2: the copy of the ACPI root pointer is none"},
  };
  for (const Bad& bad : all) {
    EXPECT_STREQ(Read(Tags().Add(bad.type, bad.content).End()), bad.wrong)
        << bad.type << " of " << bad.content.size() << " bytes";
  }
}

TEST_F(Information, RefusesASecond) {
  EXPECT_STREQ(Read(Tags().CommandLine("").CommandLine("").End()), "multiboot2: two command lines");
  EXPECT_STREQ(Read(Tags().Add(6, kMap).Add(6, kMap).End()), "multiboot2: two memory maps");
}

}  // namespace
}  // namespace bulkhead
