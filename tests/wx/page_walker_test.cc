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

constexpr Rights kUserText = {.user = true, .user_execute = true};
constexpr Rights kUserData = {.write = true, .user = true};
constexpr Rights kText = {.hypervisor_execute = true};
constexpr Rights kData = {.write = true};

using Lines = std::vector<std::string>;

// 64 KiB of memory with tables in it.
class Tables : public testing::Test {
 protected:
  static constexpr uint64_t kStart = 0x4000'0000;

  explicit Tables(const TableFormat& format) : format_(format) {}

  // `table`: from the start of the memory.
  void Set(uint64_t table, uint64_t index, uint64_t entry) {
    std::memcpy(bytes_.data() + table + 8 * index, &entry, sizeof(entry));
  }
  PhysicalMemory memory() const { return {bytes_, start_}; }
  std::vector<Mapping> Walk() {
    Lines problems;
    std::vector<Mapping> found = WalkPageTables(format_, memory(), roots_, &problems);
    EXPECT_EQ(problems, Lines());
    return found;
  }
  Lines Problems() {
    Lines problems;
    WalkPageTables(format_, memory(), roots_, &problems);
    return problems;
  }

  const TableFormat& format_;
  uint64_t start_ = 0;
  Roots roots_ = {};
  std::string bytes_ = std::string(16 * 4096, '\0');
};

// A root at 0x1000; 0x2000, 0x3000 and 0x4000 lead to address 0x400000 and on; 0x5000 and 0x6000 to
// the start of the upper half in large pages.
class X86_64 : public Tables {
 protected:
  static constexpr uint64_t kAll = 7;  // present, write, user
  static constexpr uint64_t kReadUser = 5;
  static constexpr uint64_t kReadOnly = 1;
  static constexpr uint64_t kWritable = 3;
  static constexpr uint64_t kNoExecute = uint64_t{1} << 63;
  static constexpr uint64_t kLarge = 1 << 7;

  X86_64() : Tables(kX86_64Tables) {
    roots_ = {0x1000, 0x1000};
    Set(0x1000, 0, 0x2000 | kAll);
    Set(0x2000, 0, 0x3000 | kAll);
    Set(0x3000, 2, 0x4000 | kAll);
    Set(0x1000, 256, 0x5000 | kWritable);
    Set(0x5000, 0, 0x6000 | kWritable);
  }
};

TEST_F(X86_64, Good) {
  Set(0x4000, 0, 0x8000 | kReadUser);
  Set(0x4000, 1, 0x9000 | kReadUser);
  Set(0x4000, 2, 0xa000 | kAll | kNoExecute);
  Set(0x6000, 1, 0x200000 | kWritable | kLarge | kNoExecute);
  Set(0x6000, 2, 0x400000 | kReadOnly | kLarge);
  const std::vector<Mapping> want = {
      {0x400000, 0x8000, 0x2000, kUserText},
      {0x402000, 0xa000, 0x1000, kUserData},
      {0xffff800000200000, 0x200000, 0x200000, kData},
      {0xffff800000400000, 0x400000, 0x200000, kText},
  };
  EXPECT_EQ(Walk(), want);
  EXPECT_EQ(FindBadMappings(Walk()), Lines());
  EXPECT_EQ(FindWritableAliases(Walk(), Walk()), Lines());
}

TEST_F(X86_64, WritableAndExecutable) {
  Set(0x4000, 0, 0x8000 | kAll);
  EXPECT_EQ(FindBadMappings(Walk()),
            Lines{"writable and executable: 0x400000 + 0x1000 -> 0x8000 rwx user"});
}

TEST_F(X86_64, WritableAndExecutableLargePage) {
  Set(0x6000, 511, 0x200000 | kWritable | kLarge);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u);
}

TEST_F(X86_64, EveryLevelCounts) {
  Set(0x4000, 0, 0x8000 | kAll);
  Set(0x3000, 2, 0x4000 | kReadUser);
  EXPECT_EQ(FindBadMappings(Walk()), Lines()) << "not writable further up";
  Set(0x3000, 2, 0x4000 | kAll | kNoExecute);
  EXPECT_EQ(FindBadMappings(Walk()), Lines()) << "not executable further up";
}

TEST_F(X86_64, WrongSide) {
  Set(0x4000, 0, 0x8000 | kReadOnly | kNoExecute);
  Set(0x6000, 0, kAll | kLarge | kNoExecute);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u) << "the root's entry has no user bit";
  Set(0x1000, 256, 0x5000 | kAll);
  Set(0x5000, 0, 0x6000 | kAll);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 2u);
}

TEST_F(X86_64, WritableAlias) {
  Set(0x4000, 0, 0x201000 | kReadUser);
  Set(0x6000, 0, 0x200000 | kWritable | kLarge | kNoExecute);
  EXPECT_EQ(FindBadMappings(Walk()), Lines());
  EXPECT_EQ(FindWritableAliases(Walk(), Walk()).size(), 1u);
}

TEST_F(X86_64, TablesThatCannotBeFollowed) {
  Set(0x3000, 5, 0x10000000 | kAll);
  Set(0x1000, 7, kAll | kLarge);
  EXPECT_EQ(Problems(), (Lines{"outside of memory: table 0x10000000 for 0xa00000",
                               "reserved entry in table 0x1000 for 0x38000000000"}));
}

TEST_F(X86_64, Roots) {
  bytes_.replace(0xe000, 4096, bytes_.substr(0x1000, 4096));
  Set(0xe000, 0, 0);
  Set(0xe000, 256, 0x5000 | kWritable | 1 << 5);  // accessed
  EXPECT_EQ(FindRoots(memory(), 0x1000), (std::vector<uint64_t>{0x1000, 0xe000}));
}

// The lower root at 0x1000; 0x2000, 0x3000 and 0x4000 lead to address 0x400000 and on. The upper
// one at 0x5000; 0x6000 and 0x7000 lead to its start in blocks.
class Aarch64 : public Tables {
 protected:
  static constexpr uint64_t kTable = 3;
  static constexpr uint64_t kPage = 3;
  static constexpr uint64_t kBlock = 1;
  static constexpr uint64_t kUserAccess = 1 << 6;
  static constexpr uint64_t kReadOnly = 1 << 7;
  static constexpr uint64_t kPxn = uint64_t{1} << 53;
  static constexpr uint64_t kUxn = uint64_t{1} << 54;
  static constexpr uint64_t kUserTextPage = kPage | kUserAccess | kReadOnly | kPxn;

  Aarch64() : Tables(kAarch64Tables) {
    start_ = kStart;
    roots_ = {kStart + 0x1000, kStart + 0x5000};
    Link(0x1000, 0, 0x2000);
    Link(0x2000, 0, 0x3000);
    Link(0x3000, 2, 0x4000);
    Link(0x5000, 0, 0x6000);
    Link(0x6000, 0, 0x7000);
  }
  void Link(uint64_t table, uint64_t index, uint64_t to, uint64_t flags = 0) {
    Set(table, index, (kStart + to) | kTable | flags);
  }
};

TEST_F(Aarch64, Good) {
  roots_.lower |= uint64_t{5} << 48 | 1;  // an ASID, CnP (Arm ARM, TTBR0_EL2)
  Set(0x4000, 0, 0x8000 | kUserTextPage);
  Set(0x4000, 1, 0x9000 | kUserTextPage);
  Set(0x4000, 2, 0xa000 | kPage | kUserAccess | kPxn | kUxn);
  Set(0x7000, 1, 0x200000 | kBlock | kPxn | kUxn);
  Set(0x7000, 2, 0x400000 | kBlock | kReadOnly | kUxn);
  Set(0x6000, 3, 0x80000000 | kBlock | kPxn | kUxn);
  const std::vector<Mapping> want = {
      {0x400000, 0x8000, 0x2000, kUserText},
      {0x402000, 0xa000, 0x1000, kUserData},
      {0xffff000000200000, 0x200000, 0x200000, kData},
      {0xffff000000400000, 0x400000, 0x200000, kText},
      {0xffff0000c0000000, 0x80000000, 0x40000000, kData},
  };
  EXPECT_EQ(Walk(), want);
  EXPECT_EQ(FindBadMappings(Walk()), Lines());
  EXPECT_EQ(FindWritableAliases(Walk(), Walk()), Lines());
}

TEST_F(Aarch64, WritableAndExecutable) {
  Set(0x4000, 0, 0x8000 | kPage | kUserAccess | kPxn);
  EXPECT_EQ(FindBadMappings(Walk()),
            Lines{"writable and executable: 0x400000 + 0x1000 -> 0x8000 rwx user"});
  Set(0x4000, 0, 0);
  Set(0x7000, 511, 0x200000 | kBlock | kUxn);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u);
}

TEST_F(Aarch64, WritableByTheDirtyModifier) {
  Set(0x4000, 0, 0x8000 | kUserTextPage | uint64_t{1} << 51);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u);
}

TEST_F(Aarch64, EveryLevelCounts) {
  Set(0x4000, 0, 0x8000 | kPage | kUserAccess | kPxn);  // writable, executable in user mode
  Link(0x3000, 2, 0x4000, uint64_t{1} << 62);
  EXPECT_EQ(FindBadMappings(Walk()), Lines()) << "APTable: read-only";
  Link(0x3000, 2, 0x4000);
  Link(0x2000, 0, 0x3000, uint64_t{1} << 60);
  EXPECT_EQ(FindBadMappings(Walk()), Lines()) << "UXNTable";
  Link(0x1000, 0, 0x2000, uint64_t{1} << 61);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u) << "APTable: not for user mode";
  Set(0x7000, 0, 0x200000 | kBlock | kUxn);
  Link(0x6000, 0, 0x7000, uint64_t{1} << 59);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u) << "PXNTable";
}

TEST_F(Aarch64, ExecutedOnTheWrongSide) {
  Set(0x4000, 0, 0x8000 | kPage | kUserAccess | kReadOnly);
  EXPECT_EQ(FindBadMappings(Walk()), Lines{"on the wrong side: 0x400000 + 0x1000 -> 0x8000 r-x "
                                           "user, executed by the hypervisor"});
  Set(0x4000, 0, 0);
  // User mode executes what it has no right to read.
  Set(0x7000, 0, 0x200000 | kBlock | kReadOnly);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 1u);
}

TEST_F(Aarch64, WrongSide) {
  Set(0x4000, 0, 0x8000 | kPage | kPxn | kUxn);
  Set(0x7000, 0, 0x200000 | kBlock | kUserAccess | kPxn | kUxn);
  EXPECT_EQ(FindBadMappings(Walk()).size(), 2u);
}

TEST_F(Aarch64, HypervisorNeverExecutesWhatUserModeWrites) {
  Set(0x4000, 0, 0x8000 | kPage | kUserAccess | kUxn);
  EXPECT_EQ(FindBadMappings(Walk()), Lines());
}

TEST_F(Aarch64, TablesThatCannotBeFollowed) {
  Set(0x3000, 5, 0x10000000 | kTable);
  Set(0x4000, 3, 0x8000 | kBlock);
  EXPECT_EQ(Problems(), (Lines{"reserved entry in table 0x40004000 for 0x403000",
                               "outside of memory: table 0x10000000 for 0xa00000"}));
}

}  // namespace
}  // namespace bulkhead
