// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/memory_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/format.h"

namespace bulkhead {
namespace {

constexpr MemoryKind kReserved = MemoryKind::kReserved;
constexpr MemoryKind kUsable = MemoryKind::kUsable;
constexpr MemoryKind kAcpi = MemoryKind::kAcpi;
constexpr MemoryKind kLoader = MemoryKind::kLoader;

// "0x1000-0x3000 usable, ..."
std::string Normalized(const std::vector<MemoryRegion>& ranges) {
  std::vector<MemoryRegion> regions(256);
  uint32_t count = 0;
  const Status status = NormalizeMemoryMap(ranges, regions, count);
  if (status != Status::kOk) return StatusName(status);
  Text<4096> text;
  constexpr const char* kNames[] = {"reserved", "usable", "acpi", "loader"};
  for (uint32_t i = 0; i < count; ++i) {
    if (i != 0) text << ", ";
    text << Hex{regions[i].start} << '-' << Hex{regions[i].start + regions[i].length} << ' '
         << kNames[static_cast<uint32_t>(regions[i].kind)];
  }
  return std::string(text.view());
}

TEST(MemoryMap, SortsAndMerges) {
  EXPECT_EQ(Normalized({{0x5000, 0x1000, kUsable, 0},
                        {0x8000, 0x1000, kReserved, 0},
                        {0x3000, 0x1000, kUsable, 0},
                        {0x4000, 0x1000, kUsable, 0}}),
            "0x3000-0x6000 usable, 0x8000-0x9000 reserved");
}

TEST(MemoryMap, AlignsUsableInwardAndTheRestOutward) {
  EXPECT_EQ(Normalized({{0x1800, 0x3000, kUsable, 0}}), "0x2000-0x4000 usable");
  EXPECT_EQ(Normalized({{0x1800, 0x3000, kReserved, 0}}), "0x1000-0x5000 reserved");
  EXPECT_EQ(Normalized({{0x1000, 0x8c00, kUsable, 0}, {0x9c00, 0x400, kReserved, 0}}),
            "0x1000-0x9000 usable, 0x9000-0xa000 reserved");
  EXPECT_EQ(Normalized({{0x1001, 0x1ffe, kUsable, 0}}), "");
}

TEST(MemoryMap, CarvesOutTheLoader) {
  EXPECT_EQ(Normalized({{0x100000, 0x700000, kUsable, 0}, {0x200000, 0x10100, kLoader, 0}}),
            "0x100000-0x200000 usable, 0x200000-0x211000 loader, 0x211000-0x800000 usable");
}

TEST(MemoryMap, StrongerKindsWinWhateverTheOrder) {
  std::vector<MemoryRegion> ranges = {{0x1000, 0x9000, kUsable, 0},
                                      {0x2000, 0x6000, kAcpi, 0},
                                      {0x3000, 0x3000, kReserved, 0},
                                      {0x4000, 0x1000, kLoader, 0}};
  std::sort(ranges.begin(), ranges.end(), [](auto& a, auto& b) { return a.kind < b.kind; });
  do {
    EXPECT_EQ(Normalized(ranges),
              "0x1000-0x2000 usable, 0x2000-0x3000 acpi, 0x3000-0x4000 reserved, "
              "0x4000-0x5000 loader, 0x5000-0x6000 reserved, 0x6000-0x8000 acpi, "
              "0x8000-0xa000 usable");
  } while (std::next_permutation(ranges.begin(), ranges.end(),
                                 [](auto& a, auto& b) { return a.kind < b.kind; }));
}

TEST(MemoryMap, NeverGivesOutPageZero) {
  EXPECT_EQ(Normalized({{0, 0x3000, kUsable, 0}}), "0x1000-0x3000 usable");
}

TEST(MemoryMap, CutsWhatCannotBeAddressed) {
  EXPECT_EQ(Normalized({{0x1000, ~uint64_t{0}, kUsable, 0}}), "0x1000-0x10000000000000 usable");
  EXPECT_EQ(Normalized({{~uint64_t{0}, 1, kReserved, 0}}), "");
  EXPECT_EQ(Normalized({{~uint64_t{0} - 0xfff, ~uint64_t{0}, kUsable, 0}}), "");
}

TEST(MemoryMap, IgnoresEmptyRanges) {
  EXPECT_EQ(Normalized({{0x1000, 0x2000, kUsable, 0}, {0x1800, 0, kReserved, 0}}),
            "0x1000-0x3000 usable");
}

TEST(MemoryMap, SaysWhenThereAreTooMany) {
  std::vector<MemoryRegion> ranges;
  for (uint64_t i = 0; i < 256; ++i) ranges.push_back({(2 * i + 1) << 12, 4096, kUsable, 0});
  EXPECT_NE(Normalized(ranges), "no memory");
  ranges.push_back({0x10000000, 4096, kUsable, 0});
  EXPECT_EQ(Normalized(ranges), "no memory");
}

// Against a model that knows every page.
TEST(MemoryMap, AgreesWithAPageByPageModel) {
  std::mt19937 random(1);
  const auto rank = [](MemoryKind kind) {
    return kind == kLoader ? 4 : kind == kReserved ? 3 : kind == kAcpi ? 2 : 1;
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<MemoryRegion> ranges;
    std::map<uint64_t, MemoryKind> pages;
    for (unsigned i = random() % 24; i > 0; --i) {
      const MemoryRegion range = {random() % 0x40000, random() % 0x8000,
                                  static_cast<MemoryKind>(random() % 4), 0};
      ranges.push_back(range);
      for (uint64_t page = 0; page < 0x50; ++page) {
        const uint64_t start = page << 12;
        const bool fills = range.start <= start && range.start + range.length >= start + 4096;
        const bool touches =
            range.length != 0 && range.start < start + 4096 && range.start + range.length > start;
        const bool takes = range.kind == kUsable ? fills && page != 0 : touches;
        if (takes && (!pages.contains(page) || rank(pages[page]) < rank(range.kind))) {
          pages[page] = range.kind;
        }
      }
    }
    std::vector<MemoryRegion> regions(256);
    uint32_t count = 0;
    ASSERT_EQ(NormalizeMemoryMap(ranges, regions, count), Status::kOk);
    std::map<uint64_t, MemoryKind> found;
    for (uint32_t i = 0; i < count; ++i) {
      if (i > 0) {
        const MemoryRegion& previous = regions[i - 1];
        ASSERT_LE(previous.start + previous.length, regions[i].start);
        ASSERT_FALSE(previous.start + previous.length == regions[i].start &&
                     previous.kind == regions[i].kind)
            << "not merged";
      }
      for (uint64_t at = 0; at < regions[i].length; at += 4096) {
        found[(regions[i].start + at) >> 12] = regions[i].kind;
      }
    }
    ASSERT_EQ(found, pages) << "round " << round;
  }
}

}  // namespace
}  // namespace bulkhead
