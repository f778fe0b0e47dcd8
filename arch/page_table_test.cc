// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Page tables with every write watched. Built once for each architecture's formats.

#include "arch/page_table.h"

#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "arch/paging.h"
#include "gtest/gtest.h"

namespace bulkhead {

bool operator==(const Translation& a, const Translation& b) {
  return a.physical == b.physical && a.level == b.level && a.attributes == b.attributes;
}

namespace {

template <typename Format>
class Recorder {
 public:
  using Entry = typename Format::Entry;
  using Page = std::array<Entry, 512>;
  using Table = PageTable<Format, Recorder>;

  Recorder() : table(*AllocateTable()) {}

  Result<HostPhysical> AllocateTable() {
    if (allocations_left == 0) return Status::kNoMemory;
    --allocations_left;
    const auto at = static_cast<HostPhysical>(next_);
    next_ += kPageSize;
    tables_[at] = std::make_unique<Page>();
    return at;
  }
  void FreeTable(HostPhysical at) { EXPECT_EQ(tables_.erase(at), 1u) << "not a table"; }
  Entry* Entries(HostPhysical at) {
    const auto found = tables_.find(at);
    if (found == tables_.end()) {
      ADD_FAILURE() << "no table at " << std::hex << Raw(at);
      std::abort();
    }
    return found->second->data();
  }
  void Write(Entry* entry, Entry value) {
    *entry = value;
    if (watching) history.push_back(Look());
  }

  // What every watched address translates to now.
  std::vector<Translation> Look() {
    std::vector<Translation> seen;
    for (const uint64_t address : watched) seen.push_back(table.Lookup(*this, address));
    return seen;
  }
  // Runs a change: at every instant each translation is what it was before or is afterwards.
  template <typename Change>
  void Check(Change change) {
    history.clear();
    watching = true;
    const std::vector<Translation> before = Look();
    change();
    const std::vector<Translation> after = Look();
    watching = false;
    for (const std::vector<Translation>& at : history) {
      for (size_t i = 0; i < watched.size(); ++i) {
        EXPECT_TRUE(at[i] == before[i] || at[i] == after[i]) << std::hex << watched[i];
      }
    }
  }
  size_t table_count() const { return tables_.size(); }

  uint64_t allocations_left = ~uint64_t{0};
  std::vector<uint64_t> watched;
  bool watching = false;
  std::vector<std::vector<Translation>> history;

 private:
  uint64_t next_ = 0x10'0000;
  std::map<HostPhysical, std::unique_ptr<Page>> tables_;

 public:
  Table table;
};

template <typename Format>
class PageTableTest : public ::testing::Test {
 protected:
  static constexpr HostPhysical kPhysical = static_cast<HostPhysical>(0x8'4000'0000);
  static constexpr uint64_t kAddress = 0x12'4000'0000;  // 1 GiB aligned
  Recorder<Format> recorder;
};

using Formats = ::testing::Types<arch::HostFormat, arch::GuestFormat>;
TYPED_TEST_SUITE(PageTableTest, Formats);

TYPED_TEST(PageTableTest, LookupGivesWhatWasCommitted) {
  auto& r = this->recorder;
  for (const int level : {1, 2, 3}) {
    for (int bits = 0; bits < 8; ++bits) {
      const PageAttributes attributes = {.write = (bits & 1) != 0,
                                         .execute = (bits & 2) != 0,
                                         .user = true,
                                         .device = (bits & 4) != 0};
      ASSERT_EQ(r.table.Prepare(r, this->kAddress, level), Status::kOk);
      r.table.Commit(r, this->kAddress, level, this->kPhysical, attributes);
      const uint64_t last = r.table.LevelSize(level) - 1;
      const Translation translation = r.table.Lookup(r, this->kAddress + last);
      EXPECT_EQ(translation.level, level);
      EXPECT_EQ(translation.physical, this->kPhysical + last);
      EXPECT_TRUE(translation.attributes == attributes);
      EXPECT_EQ(r.table.Lookup(r, this->kAddress + last + 1).level, 0);
      EXPECT_EQ(r.table.Lookup(r, this->kAddress - 1).level, 0);
      EXPECT_EQ(r.table.Clear(r, this->kAddress), last + 1);
      EXPECT_EQ(r.table.Clear(r, this->kAddress), 0u);
      r.table.Prune(r, this->kAddress);
      EXPECT_EQ(r.table_count(), 1u);
    }
  }
}

TYPED_TEST(PageTableTest, PrepareFailsAtEveryAllocationAndChangesNothing) {
  auto& r = this->recorder;
  const uint64_t mapped = this->kAddress + (uint64_t{1} << 40);
  ASSERT_EQ(r.table.Prepare(r, mapped, 1), Status::kOk);
  r.table.Commit(r, mapped, 1, this->kPhysical, {.write = true, .user = true});
  r.watched = {mapped, this->kAddress};
  const std::vector<Translation> before = r.Look();
  bool done = false;
  for (uint64_t allowed = 0; !done; ++allowed) {
    ASSERT_LT(allowed, 10u);
    r.allocations_left = allowed;
    r.Check([&] { done = r.table.Prepare(r, this->kAddress, 1) == Status::kOk; });
    EXPECT_TRUE(r.Look() == before);
    r.table.Prune(r, this->kAddress);
  }
  EXPECT_TRUE(r.Look() == before);
}

TYPED_TEST(PageTableTest, InUseIsExists) {
  auto& r = this->recorder;
  ASSERT_EQ(r.table.Prepare(r, this->kAddress, 2), Status::kOk);
  r.table.Commit(r, this->kAddress, 2, this->kPhysical, {.user = true});
  EXPECT_EQ(r.table.Prepare(r, this->kAddress, 2), Status::kExists);
  EXPECT_EQ(r.table.Prepare(r, this->kAddress + kPageSize, 1), Status::kExists);
  EXPECT_EQ(r.table.Prepare(r, this->kAddress, 3), Status::kExists);
  EXPECT_EQ(r.table.Prepare(r, this->kAddress + kSuperpageSize, 1), Status::kOk);
}

TYPED_TEST(PageTableTest, EmptyTablesArePrunedForALargerPage) {
  auto& r = this->recorder;
  for (const uint64_t page : {0, 5}) {
    ASSERT_EQ(r.table.Prepare(r, this->kAddress + page * kPageSize, 1), Status::kOk);
    r.table.Commit(r, this->kAddress + page * kPageSize, 1, this->kPhysical, {.user = true});
  }
  r.table.Clear(r, this->kAddress);
  r.table.Prune(r, this->kAddress);
  EXPECT_EQ(r.table.Lookup(r, this->kAddress + 5 * kPageSize).level, 1) << "still in use";
  EXPECT_EQ(r.table.Prepare(r, this->kAddress, 2), Status::kExists);
  r.table.Clear(r, this->kAddress + 5 * kPageSize);
  r.table.Prune(r, this->kAddress + 5 * kPageSize);
  EXPECT_EQ(r.table_count(), 1u);
  EXPECT_EQ(r.table.Prepare(r, this->kAddress, 2), Status::kOk);
}

// Random changes against a model; every write of each is watched at every page's first address.
TYPED_TEST(PageTableTest, RandomChangesShowOldOrNewOnly) {
  auto& r = this->recorder;
  std::mt19937_64 random(11);
  std::map<uint64_t, Translation> model;  // by page's address
  for (uint64_t region : {uint64_t{0}, this->kAddress, uint64_t{0x3fff'8000'0000}}) {
    for (uint64_t i : {0, 1, 511, 512, 513, 1023, 1024})
      r.watched.push_back(region + i * kPageSize);
  }
  for (int i = 0; i < 3000; ++i) {
    const uint64_t near = r.watched[random() % r.watched.size()];
    const int level = random() % 4 == 0 ? 2 : 1;
    const uint64_t address = AlignDown(near, r.table.LevelSize(level));
    if (random() % 2 == 0) {
      const auto physical = static_cast<HostPhysical>(random() % 1024 * kSuperpageSize);
      const PageAttributes attributes = {
          .write = random() % 2 == 0, .execute = random() % 2 == 0, .user = true};
      if (random() % 4 == 0) r.allocations_left = random() % 4;
      Status status = Status::kOk;
      r.Check([&] { status = r.table.Prepare(r, address, level); });
      r.allocations_left = ~uint64_t{0};
      if (status != Status::kOk) continue;
      r.Check([&] { r.table.Commit(r, address, level, physical, attributes); });
      EXPECT_EQ(r.history.size(), 1u) << "one write commits";
      model[address] = {physical, level, attributes};
    } else {
      uint64_t size = 0;
      r.Check([&] { size = r.table.Clear(r, near); });
      if (size != 0) {
        EXPECT_EQ(r.history.size(), 1u);
        EXPECT_EQ(model.erase(AlignDown(near, size)), 1u);
      }
      const std::vector<Translation> before = r.Look();
      r.Check([&] { r.table.Prune(r, near); });
      EXPECT_TRUE(r.Look() == before);
    }
    for (const uint64_t at : r.watched) {
      const Translation seen = r.table.Lookup(r, at);
      auto expected = model.upper_bound(at);
      if (expected == model.begin() ||
          at - std::prev(expected)->first >= r.table.LevelSize(std::prev(expected)->second.level)) {
        ASSERT_EQ(seen.level, 0);
      } else {
        --expected;
        ASSERT_EQ(seen.level, expected->second.level);
        ASSERT_EQ(seen.physical, expected->second.physical + (at - expected->first));
        ASSERT_TRUE(seen.attributes == expected->second.attributes);
      }
    }
  }
  EXPECT_GT(model.size(), 0u);
  // Taking it apart frees every table once, the root last.
  const size_t tables = r.table_count();
  size_t steps = 1;
  while (r.table.FreeOne(r)) ++steps;
  EXPECT_EQ(steps, tables);
  EXPECT_EQ(r.table_count(), 0u);
}

TEST(HostFormatTest, TakingApartLeavesTheSharedHalfAlone) {
  Recorder<arch::HostFormat> r;
  // What is shared is not this table's to follow: nothing is there.
  arch::HostFormat::Entry* root = r.Entries(r.table.root());
  for (uint64_t i = arch::HostFormat::kTop; i < 512; ++i) {
    root[i] = arch::HostFormat::Table(static_cast<HostPhysical>(0xdead'0000));
  }
  ASSERT_EQ(r.table.Prepare(r, 0x1000, 1), Status::kOk);
  r.table.Commit(r, 0x1000, 1, static_cast<HostPhysical>(0x2000), {});
  while (r.table.FreeOne(r)) {
  }
  EXPECT_EQ(r.table_count(), 0u);
}

TYPED_TEST(PageTableTest, FormatRoundTrips) {
  for (const uint64_t physical : {uint64_t{0}, uint64_t{0x1000}, uint64_t{0xf'ffff'f000}}) {
    const auto at = static_cast<HostPhysical>(physical);
    const auto table = TypeParam::Table(at);
    EXPECT_TRUE(TypeParam::Present(table));
    EXPECT_FALSE(TypeParam::IsLeaf(table, 2));
    EXPECT_EQ(TypeParam::Address(table), at);
    for (const int level : {1, 2, 3}) {
      const auto leaf = TypeParam::Leaf(at, level, {.write = true, .execute = true, .user = true});
      EXPECT_TRUE(TypeParam::Present(leaf));
      EXPECT_TRUE(TypeParam::IsLeaf(leaf, level));
      EXPECT_EQ(TypeParam::Address(leaf), at);
    }
  }
  EXPECT_FALSE(TypeParam::Present(typename TypeParam::Entry{}));
}

}  // namespace
}  // namespace bulkhead
