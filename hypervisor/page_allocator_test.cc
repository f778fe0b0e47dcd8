// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/page_allocator.h"

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "base/align.h"
#include "gtest/gtest.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// No memory behind the addresses: the allocator must not touch it.
class PageAllocatorTest : public ::testing::Test {
 protected:
  void Initialize(std::vector<MemoryRegion> regions) {
    regions_ = std::move(regions);
    blocks_.resize(PageAllocator::BlocksFor(regions_));
    pages_.Initialize(regions_, blocks_);
  }
  bool Usable(HostPhysical page, uint64_t length) const {
    return std::any_of(regions_.begin(), regions_.end(), [&](const MemoryRegion& region) {
      return region.kind == MemoryKind::kUsable && Raw(page) >= region.start &&
             Raw(page) + length <= region.start + region.length;
    });
  }

  std::vector<MemoryRegion> regions_;
  std::vector<PageAllocator::Block> blocks_;
  PageAllocator pages_;
};

TEST_F(PageAllocatorTest, NothingUsableNeedsNoBlocks) {
  Initialize({{0, kMiB, MemoryKind::kReserved, 0}});
  EXPECT_TRUE(blocks_.empty());
  EXPECT_EQ(pages_.total_pages(), 0u);
  EXPECT_EQ(pages_.AllocatePage().status(), Status::kNoMemory);
  EXPECT_EQ(pages_.AllocateSuperpage().status(), Status::kNoMemory);
  EXPECT_FALSE(pages_.Owns(0, 8 * kMiB));
}

TEST_F(PageAllocatorTest, EveryPageOnceThenNoMore) {
  Initialize({{0x5000, 3 * kMiB, MemoryKind::kUsable, 0},
              {0x305000, 0x1000, MemoryKind::kLoader, 0},
              {0x306000, 0x2000, MemoryKind::kUsable, 0},
              {40 * kMiB, 2 * kMiB, MemoryKind::kUsable, 0}});
  const uint64_t total = 3 * kMiB / kPageSize + 2 + 512;
  EXPECT_EQ(pages_.total_pages(), total);
  EXPECT_EQ(pages_.free_pages(), total);
  std::set<uint64_t> seen;
  for (uint64_t i = 0; i < total; ++i) {
    const Result<HostPhysical> page = pages_.AllocatePage();
    ASSERT_TRUE(page.ok());
    EXPECT_TRUE(IsAligned(Raw(*page), kPageSize));
    EXPECT_TRUE(Usable(*page, kPageSize)) << std::hex << Raw(*page);
    EXPECT_TRUE(seen.insert(Raw(*page)).second);
  }
  EXPECT_EQ(pages_.AllocatePage().status(), Status::kNoMemory);
  EXPECT_EQ(pages_.free_pages(), 0u);
  for (const uint64_t page : seen) pages_.FreePage(static_cast<HostPhysical>(page));
  EXPECT_EQ(pages_.free_pages(), total);
}

TEST_F(PageAllocatorTest, SuperpagesOnlyWhereTheyFit) {
  // Room for one whole aligned superpage, at 2 MiB.
  Initialize({{kMiB, 4 * kMiB, MemoryKind::kUsable, 0}});
  const Result<HostPhysical> superpage = pages_.AllocateSuperpage();
  ASSERT_TRUE(superpage.ok());
  EXPECT_EQ(Raw(*superpage), 2 * kMiB);
  EXPECT_EQ(pages_.free_pages(), 512u);
  EXPECT_EQ(pages_.AllocateSuperpage().status(), Status::kNoMemory);
  pages_.FreeSuperpage(*superpage);
  EXPECT_EQ(pages_.free_pages(), 1024u);
}

TEST_F(PageAllocatorTest, PagesCoalesceIntoASuperpage) {
  Initialize({{2 * kMiB, 2 * kMiB, MemoryKind::kUsable, 0}});
  std::vector<HostPhysical> taken;
  for (int i = 0; i < 512; ++i) taken.push_back(*pages_.AllocatePage());
  std::shuffle(taken.begin(), taken.end(), std::mt19937(1));
  for (const HostPhysical page : taken) {
    EXPECT_EQ(pages_.AllocateSuperpage().status(), Status::kNoMemory);
    pages_.FreePage(page);
  }
  EXPECT_TRUE(pages_.AllocateSuperpage().ok());
}

TEST_F(PageAllocatorTest, SinglePagesLeaveSuperpagesWhole) {
  Initialize({{0, 16 * kMiB, MemoryKind::kUsable, 0}});
  for (int i = 0; i < 512; ++i) ASSERT_TRUE(pages_.AllocatePage().ok());
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(pages_.AllocateSuperpage().ok());
  EXPECT_EQ(pages_.free_pages(), 0u);
}

TEST_F(PageAllocatorTest, Owns) {
  Initialize({{0x10000, 0x4000, MemoryKind::kUsable, 0}, {0x20000, 0x4000, MemoryKind::kAcpi, 0}});
  EXPECT_TRUE(pages_.Owns(0x10000, 1));
  EXPECT_TRUE(pages_.Owns(0x13fff, 1));
  EXPECT_TRUE(pages_.Owns(0, 0x10001));
  EXPECT_TRUE(pages_.Owns(0x12000, 0x100000));
  EXPECT_FALSE(pages_.Owns(0, 0x10000));
  EXPECT_FALSE(pages_.Owns(0x14000, 0x1000));
  EXPECT_FALSE(pages_.Owns(0x20000, 0x1000));
}

TEST_F(PageAllocatorTest, RandomUseKeepsCount) {
  Initialize(
      {{0x3000, 9 * kMiB, MemoryKind::kUsable, 0}, {32 * kMiB, 8 * kMiB, MemoryKind::kUsable, 0}});
  std::mt19937 random(7);
  std::set<uint64_t> singles;
  std::set<uint64_t> supers;
  for (int i = 0; i < 20000; ++i) {
    switch (random() % 5) {
      case 0:
      case 1:
        if (const Result<HostPhysical> page = pages_.AllocatePage(); page.ok()) {
          ASSERT_TRUE(Usable(*page, kPageSize));
          ASSERT_TRUE(singles.insert(Raw(*page)).second);
          ASSERT_FALSE(supers.contains(AlignDown(Raw(*page), kSuperpageSize)));
        }
        break;
      case 2:
        if (const Result<HostPhysical> super = pages_.AllocateSuperpage(); super.ok()) {
          ASSERT_TRUE(Usable(*super, kSuperpageSize));
          ASSERT_TRUE(IsAligned(Raw(*super), kSuperpageSize));
          const auto next = singles.lower_bound(Raw(*super));
          ASSERT_TRUE(next == singles.end() || *next >= Raw(*super) + kSuperpageSize);
          ASSERT_TRUE(supers.insert(Raw(*super)).second);
        }
        break;
      case 3:
        if (!singles.empty()) {
          pages_.FreePage(static_cast<HostPhysical>(*singles.begin()));
          singles.erase(singles.begin());
        }
        break;
      case 4:
        if (!supers.empty()) {
          pages_.FreeSuperpage(static_cast<HostPhysical>(*supers.begin()));
          supers.erase(supers.begin());
        }
        break;
    }
    ASSERT_EQ(pages_.free_pages(), pages_.total_pages() - singles.size() - 512 * supers.size());
  }
}

}  // namespace
}  // namespace bulkhead
