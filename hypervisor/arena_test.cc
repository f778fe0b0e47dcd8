// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/arena.h"

#include <cstring>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "arch/paging.h"
#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

class ArenaTest : public ::testing::Test {
 protected:
  static bool AllZero(const void* piece, size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(piece);
    return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0;
  }
  static uint64_t PageOf(const void* piece) {
    return AlignDown(reinterpret_cast<uintptr_t>(piece), kPageSize);
  }

  testing::FakeNode node_;
  PageAllocator& pages_ = node_.node().pages;
  Quota quota_{100};
  Arena arena_{pages_, quota_};
};

TEST_F(ArenaTest, EverySizeIsZeroedAlignedAndSeparate) {
  const uint64_t free = pages_.free_pages();
  for (size_t size = 1; size <= Arena::kLargest; size += 61) {
    std::vector<void*> pieces;
    for (int i = 0; i < 5; ++i) {
      const Result<void*> piece = arena_.Allocate(size);
      ASSERT_TRUE(piece.ok());
      EXPECT_EQ(reinterpret_cast<uintptr_t>(*piece) % 64, 0u);
      EXPECT_TRUE(AllZero(*piece, size));
      EXPECT_EQ(PageOf(*piece), PageOf(static_cast<char*>(*piece) + size - 1));
      std::memset(*piece, 0x11 * (i + 1), size);
      pieces.push_back(*piece);
    }
    for (int i = 0; i < 5; ++i) {
      const auto* bytes = static_cast<unsigned char*>(pieces[i]);
      EXPECT_EQ(bytes[0], 0x11 * (i + 1));
      EXPECT_EQ(std::memcmp(bytes, bytes + 1, size - 1), 0);
      arena_.Free(pieces[i]);
    }
  }
  EXPECT_EQ(pages_.free_pages(), free);
  EXPECT_EQ(quota_.used(), 0u);
}

TEST_F(ArenaTest, TooLargeIsRefused) {
  EXPECT_TRUE(arena_.Allocate(Arena::kLargest).ok());
  EXPECT_EQ(arena_.Allocate(Arena::kLargest + 1).status(), Status::kInvalidArgument);
  EXPECT_EQ(arena_.Allocate(~size_t{0}).status(), Status::kInvalidArgument);
}

TEST_F(ArenaTest, SmallPiecesShareAPage) {
  for (int i = 0; i < 63; ++i) ASSERT_TRUE(arena_.Allocate(64).ok());
  EXPECT_EQ(quota_.used(), 1u);
  ASSERT_TRUE(arena_.Allocate(64).ok());
  EXPECT_EQ(quota_.used(), 2u);
}

TEST_F(ArenaTest, ProcessesDoNotShareAPage) {
  Quota other_quota(10);
  Arena other(pages_, other_quota);
  EXPECT_NE(PageOf(*arena_.Allocate(64)), PageOf(*other.Allocate(64)));
  EXPECT_EQ(other_quota.used(), 1u);
}

TEST_F(ArenaTest, QuotaAndMemoryRunOut) {
  Quota quota(2);
  Arena arena(pages_, quota);
  ASSERT_TRUE(arena.Allocate(4000).ok());
  ASSERT_TRUE(arena.AllocatePage().ok());
  EXPECT_EQ(arena.Allocate(64).status(), Status::kQuotaExceeded);
  EXPECT_EQ(arena.AllocatePage().status(), Status::kQuotaExceeded);
  node_.LeavePages(0);
  EXPECT_EQ(arena_.Allocate(64).status(), Status::kNoMemory);
  EXPECT_EQ(arena_.AllocatePage().status(), Status::kNoMemory);
  EXPECT_EQ(quota_.used(), 0u);
}

TEST_F(ArenaTest, RandomUseReturnsEverything) {
  const uint64_t free = pages_.free_pages();
  std::mt19937 random(3);
  std::map<void*, std::pair<size_t, unsigned char>> live;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 2 == 0) {
      const size_t size = 1 + random() % (random() % 8 == 0 ? Arena::kLargest : 1100);
      const Result<void*> piece = arena_.Allocate(size);
      if (!piece.ok()) continue;
      ASSERT_TRUE(AllZero(*piece, size));
      const auto fill = static_cast<unsigned char>(random() | 1);
      std::memset(*piece, fill, size);
      ASSERT_TRUE(live.emplace(*piece, std::pair(size, fill)).second);
    } else if (!live.empty()) {
      const auto it = std::next(live.begin(), random() % live.size());
      const auto* bytes = static_cast<unsigned char*>(it->first);
      for (size_t at = 0; at < it->second.first; ++at) ASSERT_EQ(bytes[at], it->second.second);
      arena_.Free(it->first);
      live.erase(it);
    }
    ASSERT_EQ(free - pages_.free_pages(), quota_.used());
  }
  for (const auto& [piece, what] : live) arena_.Free(piece);
  EXPECT_EQ(pages_.free_pages(), free);
  EXPECT_EQ(quota_.used(), 0u);
}

}  // namespace
}  // namespace bulkhead
