// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/iort.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace bulkhead {
namespace {

struct Mapping {
  uint32_t input, last, output, node, flags = 0;  // last: number of ids less one
};

// Builds tables; nodes are named by their offsets.
class Table {
 public:
  Table() : bytes_(kFirst) { Put32(40, kFirst); }

  uint32_t AddIts() {
    const uint32_t at = AddNode(0, 24, {});
    Put32(at + 16, 1);
    return at;
  }
  uint32_t AddSmmu(const std::vector<Mapping>& mappings) { return AddNode(4, 68, mappings); }
  uint32_t AddRootComplex(const std::vector<Mapping>& mappings, uint32_t segment = 0,
                          uint32_t coherent = 1) {
    const uint32_t at = AddNode(2, 36, mappings);
    Put32(at + 16, coherent);
    Put32(at + 28, segment);
    return at;
  }
  void Put32(size_t at, uint32_t value) { std::memcpy(bytes_.data() + at, &value, 4); }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  static constexpr uint32_t kFirst = 48;

  uint32_t AddNode(uint8_t type, uint32_t length, const std::vector<Mapping>& mappings) {
    const auto at = static_cast<uint32_t>(bytes_.size());
    const auto count = static_cast<uint32_t>(mappings.size());
    bytes_.resize(at + length + 20 * count);
    Put32(at, type | (length + 20 * count) << 8);
    Put32(at + 8, count);
    Put32(at + 12, length);
    for (uint32_t i = 0; i < count; ++i) {
      std::memcpy(bytes_.data() + at + length + 20 * i, &mappings[i], 20);
    }
    Put32(36, ++nodes_);
    return at;
  }

  std::vector<std::byte> bytes_;
  uint32_t nodes_ = 0;
};

std::string Read(const Table& table, PciHost& host) {
  const char* wrong = ReadIort(table.bytes(), host);
  return wrong == nullptr ? "" : wrong;
}
std::string Read(const Table& table) {
  PciHost host;
  return Read(table, host);
}

TEST(IortTest, DirectlyToTheIts) {
  Table table;
  const uint32_t its = table.AddIts();
  table.AddRootComplex({{0, 0xffff, 0x30000, its}}, 1);
  table.AddRootComplex({{0, 0xffff, 0x10000, its}});
  PciHost host;
  ASSERT_EQ(Read(table, host), "");
  EXPECT_EQ(*host.MsiDevice(0x18), 0x10018U);
  EXPECT_EQ(host.MsiDevice(0x10000).status(), Status::kNotFound);
}

TEST(IortTest, ThroughAnSmmu) {
  Table table;
  const uint32_t its = table.AddIts();
  const uint32_t smmu = table.AddSmmu({{0, 0, 0x99, its, 1},  // its own messages
                                       {0x100, 0xff, 0x5000, its},
                                       {0x1000, 0xff, 0x6000, its}});
  table.AddRootComplex({{0, 0xffff, 0x80, smmu}});
  PciHost host;
  ASSERT_EQ(Read(table, host), "");
  EXPECT_EQ(host.MsiDevice(0).status(), Status::kNotFound);
  EXPECT_EQ(host.MsiDevice(0x7f).status(), Status::kNotFound);
  EXPECT_EQ(*host.MsiDevice(0x80), 0x5000U);
  EXPECT_EQ(*host.MsiDevice(0x17f), 0x50ffU);
  EXPECT_EQ(host.MsiDevice(0x180).status(), Status::kNotFound);
  EXPECT_EQ(*host.MsiDevice(0xf81), 0x6001U);
}

TEST(IortTest, WhatIsNotSupported) {
  Table empty;
  EXPECT_EQ(Read(empty), "there is no PCI root complex of segment 0");
  Table not_coherent;
  not_coherent.AddRootComplex({{0, 0xffff, 0, not_coherent.AddIts()}}, 0, 0);
  EXPECT_EQ(Read(not_coherent), "PCI devices are not coherent with the caches");
  Table no_messages;
  no_messages.AddIts();
  no_messages.AddRootComplex({});
  EXPECT_EQ(Read(no_messages), "messages of PCI devices go to no ITS");
  Table several;
  const uint32_t first = several.AddIts();
  const uint32_t second = several.AddIts();
  several.AddRootComplex({{0, 0xff, 0, first}, {0x100, 0xff, 0, second}});
  EXPECT_EQ(Read(several), "messages of PCI devices go to several groups of ITSs");
  Table wraps;
  wraps.AddRootComplex({{1, 0xffffffff, 0, wraps.AddIts()}});
  EXPECT_EQ(Read(wraps), "ID mappings wrap, or are too many");
  Table many;
  const uint32_t its = many.AddIts();
  many.AddRootComplex(std::vector<Mapping>(kMaxPciMsiRanges + 1, {0, 0, 0, its}));
  EXPECT_EQ(Read(many), "ID mappings wrap, or are too many");
}

TEST(IortTest, Malformed) {
  for (const uint32_t target : {0xffffffffU, 0U, 60U}) {
    Table table;
    table.AddIts();
    table.AddRootComplex({{0, 0xffff, 0, target}});
    EXPECT_EQ(Read(table), "malformed") << target;
  }
  Table itself;
  itself.AddIts();
  itself.AddRootComplex({{0, 0xffff, 0, 72}});
  EXPECT_EQ(Read(itself), "malformed") << "a root complex is not on the way";
  Table loop;
  const uint32_t its = loop.AddIts();
  const uint32_t smmu = loop.AddSmmu({{0, 0xffff, 0, 72}});
  ASSERT_EQ(smmu, its + 24);
  loop.AddRootComplex({{0, 0xffff, 0, smmu}});
  EXPECT_EQ(Read(loop), "malformed");
  Table counts;
  const uint32_t root = counts.AddRootComplex({{0, 0xffff, 0, counts.AddIts()}});
  counts.Put32(root + 8, 0x10000000);
  EXPECT_EQ(Read(counts), "malformed") << "more mappings than there are";
  counts.Put32(root + 8, 1);
  counts.Put32(root + 12, 0xfffffff0);
  EXPECT_EQ(Read(counts), "malformed") << "mappings elsewhere";
  Table lengths;
  lengths.AddIts();
  lengths.Put32(36, 2);
  EXPECT_EQ(Read(lengths), "malformed") << "fewer nodes than it says";
  lengths.Put32(48, 0);
  EXPECT_EQ(Read(lengths), "malformed") << "a node without length";
  PciHost host;
  EXPECT_NE(ReadIort({}, host), nullptr);
}

}  // namespace
}  // namespace bulkhead
