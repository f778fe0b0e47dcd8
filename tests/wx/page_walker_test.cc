// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The walker must see what is wrong: tables made by hand.

#include "tests/wx/page_walker.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace bulkhead {
namespace {

constexpr uint64_t kRights = 7;  // present, write, user
constexpr uint64_t kReadUser = 5;
constexpr uint64_t kReadOnly = 1;
constexpr uint64_t kWritable = 3;
constexpr uint64_t kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kLarge = 1 << 7;

// A root at 0x1000; 0x2000, 0x3000 and 0x4000 lead to address 0x400000 and on; 0x5000 and 0x6000 to
// the start of the upper half in large pages.
class Tables : public testing::Test {
 protected:
  Tables() {
    Set(0x1000, 0, 0x2000 | kRights);
    Set(0x2000, 0, 0x3000 | kRights);
    Set(0x3000, 2, 0x4000 | kRights);
    Set(0x1000, 256, 0x5000 | kWritable);
    Set(0x5000, 0, 0x6000 | kWritable);
  }

  void Set(uint64_t table, uint64_t index, uint64_t entry) {
    std::memcpy(memory_.data() + table + 8 * index, &entry, sizeof(entry));
  }
  std::vector<Mapping> Walk() {
    std::vector<std::string> problems;
    std::vector<Mapping> found = WalkPageTables(memory_, 0x1000, &problems);
    EXPECT_EQ(problems, std::vector<std::string>());
    return found;
  }

  std::string memory_ = std::string(16 * 4096, '\0');
};

TEST_F(Tables, Good) {
  Set(0x4000, 0, 0x8000 | kReadUser);
  Set(0x4000, 1, 0x9000 | kReadUser);
  Set(0x4000, 2, 0xa000 | kRights | kNoExecute);
  Set(0x6000, 1, 0x200000 | kWritable | kLarge | kNoExecute);
  const std::vector<Mapping> want = {
      {0x400000, 0x8000, 0x2000, false, true, true},
      {0x402000, 0xa000, 0x1000, true, false, true},
      {0xffff800000200000, 0x200000, 0x200000, true, false, false},
  };
  EXPECT_EQ(Walk(), want);
  EXPECT_EQ(FindBadMappings(Walk()), std::vector<std::string>());
  EXPECT_EQ(FindWritableAliases(Walk(), Walk()), std::vector<std::string>());
}

TEST_F(Tables, WritableAndExecutable) {
  Set(0x4000, 0, 0x8000 | kRights);
  EXPECT_EQ(
      FindBadMappings(Walk()),
      std::vector<std::string>{"writable and executable: 0x400000 + 0x1000 -> 0x8000 rwx user"});
}

TEST_F(Tables, WritableAndExecutableLargePage) {
  Set(0x6000, 511, 0x200000 | kWritable | kLarge);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u);
}

TEST_F(Tables, EveryLevelCounts) {
  Set(0x4000, 0, 0x8000 | kRights);
  Set(0x3000, 2, 0x4000 | kReadUser);
  EXPECT_EQ(FindBadMappings(Walk()), std::vector<std::string>()) << "not writable further up";
  Set(0x3000, 2, 0x4000 | kRights | kNoExecute);
  EXPECT_EQ(FindBadMappings(Walk()), std::vector<std::string>()) << "not executable further up";
}

TEST_F(Tables, WrongSide) {
  Set(0x4000, 0, 0x8000 | kReadOnly);
  Set(0x6000, 0, kRights | kLarge | kNoExecute);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u) << "the root's entry has no user bit";
  Set(0x1000, 256, 0x5000 | kRights);
  Set(0x5000, 0, 0x6000 | kRights);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 2u);
}

TEST_F(Tables, WritableAlias) {
  Set(0x4000, 0, 0x201000 | kReadUser);
  Set(0x6000, 0, 0x200000 | kWritable | kLarge | kNoExecute);
  EXPECT_EQ(FindBadMappings(Walk()), std::vector<std::string>());
  EXPECT_EQ(FindWritableAliases(Walk(), Walk()).size(), 1u);
}

TEST_F(Tables, TableOutsideMemory) {
  Set(0x3000, 5, 0x10000000 | kRights);
  std::vector<std::string> problems;
  WalkPageTables(memory_, 0x1000, &problems);
  EXPECT_EQ(problems,
            std::vector<std::string>{"table at 0x10000000 for 0xa00000 is not in memory"});
}

TEST_F(Tables, Roots) {
  memory_.replace(0xe000, 4096, memory_.substr(0x1000, 4096));
  Set(0xe000, 0, 0);
  Set(0xe000, 256, 0x5000 | kWritable | 1 << 5);  // accessed
  EXPECT_EQ(FindRoots(memory_, 0x1000), (std::vector<uint64_t>{0x1000, 0xe000}));
}

}  // namespace
}  // namespace bulkhead
