// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/client/table.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(Table, ColumnsAreAligned) {
  EXPECT_EQ(FormatTable({{"A", "BB", "C"}, {"long", "b", "c"}}), "A     BB  C\nlong  b   c\n");
  EXPECT_EQ(FormatTable({}), "");
}

TEST(Table, AgesAsKubectl) {
  EXPECT_EQ(FormatAge(0), "0s");
  EXPECT_EQ(FormatAge(119), "119s");
  EXPECT_EQ(FormatAge(120), "2m");
  EXPECT_EQ(FormatAge(200), "3m20s");
  EXPECT_EQ(FormatAge(45 * 60 + 1), "45m");
  EXPECT_EQ(FormatAge(5 * 3600 + 600), "5h10m");
  EXPECT_EQ(FormatAge(30 * 3600), "30h");
  EXPECT_EQ(FormatAge(4 * 86400), "4d");
}

TEST(Table, BytesInFewDigits) {
  EXPECT_EQ(FormatBytes(655360), "640 KiB");
  EXPECT_EQ(FormatBytes((3 << 20) / 2), "1.5 MiB");
}

}  // namespace
}  // namespace bulkhead
