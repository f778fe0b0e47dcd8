// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace bulkhead::uefi {
namespace {

// A map whose descriptors are longer than the structure, as firmware's are.
class Map {
 public:
  explicit Map(const std::vector<MemoryDescriptor>& descriptors, uint64_t stride = 48)
      : stride_(stride) {
    for (const MemoryDescriptor& descriptor : descriptors) {
      std::vector<std::byte> bytes(stride, std::byte{0xee});
      std::memcpy(bytes.data(), &descriptor, sizeof(descriptor));
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
  }
  MemoryMapView view() const { return {bytes_, stride_}; }

 private:
  std::vector<std::byte> bytes_;
  uint64_t stride_;
};

TEST(UefiMemory, ClassifiesEveryType) {
  constexpr MemoryKind kExpected[] = {
      MemoryKind::kReserved, MemoryKind::kLoader,   MemoryKind::kLoader,   MemoryKind::kUsable,
      MemoryKind::kUsable,   MemoryKind::kReserved, MemoryKind::kReserved, MemoryKind::kUsable,
      MemoryKind::kReserved, MemoryKind::kAcpi,     MemoryKind::kAcpi,     MemoryKind::kReserved,
      MemoryKind::kReserved, MemoryKind::kReserved, MemoryKind::kReserved, MemoryKind::kReserved,
  };
  for (uint32_t type = 0; type < std::size(kExpected); ++type) {
    EXPECT_EQ(KindOf({type, 0, 0, 0, 1, 0xf}), kExpected[type]) << type;
  }
  EXPECT_EQ(KindOf({0x80000000, 0, 0, 0, 1, 0xf}), MemoryKind::kReserved);
}

TEST(UefiMemory, LeavesRuntimeMemoryAlone) {
  EXPECT_EQ(KindOf({7, 0, 0, 0, 1, uint64_t{1} << 63 | 0xf}), MemoryKind::kReserved);
}

TEST(UefiMemory, TranslatesWithTheStatedStride) {
  const Map map({{7, 0, 0x1000, 0, 2, 0xf}, {9, 0, 0x8000, 0, 1, 0xf}});
  std::vector<MemoryRegion> ranges(2);
  uint32_t count = 0;
  ASSERT_EQ(ToRanges(map.view(), ranges, count), Status::kOk);
  ASSERT_EQ(count, 2u);
  EXPECT_EQ(ranges[0].start, 0x1000u);
  EXPECT_EQ(ranges[0].length, 0x2000u);
  EXPECT_EQ(ranges[0].kind, MemoryKind::kUsable);
  EXPECT_EQ(ranges[1].start, 0x8000u);
  EXPECT_EQ(ranges[1].kind, MemoryKind::kAcpi);
}

TEST(UefiMemory, RefusesWhatDoesNotFit) {
  const Map map({{7, 0, 0x1000, 0, 2, 0xf}, {9, 0, 0x8000, 0, 1, 0xf}});
  std::vector<MemoryRegion> ranges(1);
  uint32_t count = 0;
  EXPECT_EQ(ToRanges(map.view(), ranges, count), Status::kNoMemory);
  EXPECT_EQ(ToRanges({map.view().bytes, 39}, ranges, count), Status::kCorrupt);
  EXPECT_EQ(ToRanges({map.view().bytes, 0}, ranges, count), Status::kCorrupt);
}

TEST(UefiMemory, HugeCountsDoNotWrap) {
  const Map map({{7, 0, 0x1000, 0, ~uint64_t{0}, 0xf}});
  std::vector<MemoryRegion> ranges(1);
  uint32_t count = 0;
  ASSERT_EQ(ToRanges(map.view(), ranges, count), Status::kOk);
  EXPECT_EQ(ranges[0].length, uint64_t{1} << 52);
  EXPECT_EQ(TopOfRam(map.view()), uint64_t{1} << 52);
}

TEST(UefiMemory, FindsTheTopOfRam) {
  EXPECT_EQ(TopOfRam(Map({}).view()), 0u);
  const Map map({{7, 0, 0x100000, 0, 0x100, 0xf},
                 {10, 0, 0x40000000, 0, 0x10, 0xf},
                 {8, 0, 0x80000000, 0, 0x10, 0xf},      // unusable
                 {0, 0, 0xfd00000000, 0, 0x10, 0xf},    // reserved
                 {11, 0, 0xffff00000000, 0, 1, 0xf}});  // device
  EXPECT_EQ(TopOfRam(map.view()), 0x40010000u);
}

}  // namespace
}  // namespace bulkhead::uefi
