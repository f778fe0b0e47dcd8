// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "base/align.h"
#include "base/format.h"
#include "base/read_once.h"
#include "base/status.h"

namespace bulkhead {
namespace {

TEST(Format, WritesNumbers) {
  Text<> text;
  text << "a " << 0 << ' ' << 18446744073709551615U << ' ' << -7 << ' '
       << std::numeric_limits<int64_t>::min();
  EXPECT_EQ(text.view(), "a 0 18446744073709551615 -7 -9223372036854775808");
}

TEST(Format, WritesHexadecimal) {
  Text<> text;
  text << Hex{0} << ' ' << Hex{0xdeadbeef} << ' ' << Hex{0x1f, 4} << ' ' << Hex{~uint64_t{0}, 20};
  EXPECT_EQ(text.view(), "0x0 0xdeadbeef 0x001f 0xffffffffffffffff");
}

TEST(Format, CutsOffWhatDoesNotFit) {
  Text<5> text;
  text << "abc" << 12345 << "x";
  EXPECT_EQ(text.view(), "abc12");
}

TEST(Align, RangeWithinDoesNotWrap) {
  EXPECT_TRUE(RangeWithin(0, 10, 10));
  EXPECT_FALSE(RangeWithin(1, 10, 10));
  EXPECT_FALSE(RangeWithin(5, ~uint64_t{0}, 10));
  EXPECT_TRUE(RangeWithin(10, 0, 10));
  EXPECT_FALSE(RangeWithin(11, 0, 10));
}

TEST(ReadOnce, CopiesEveryWord) {
  struct Descriptor {
    uint16_t selector, attributes;
    uint32_t limit;
    uint64_t base;
  };
  const Descriptor shared = {0x1234, 0x5678, 0x9abcdef0, 0x0123456789abcdef};
  const Descriptor copy = ReadOnce(shared);
  EXPECT_EQ(copy.selector, shared.selector);
  EXPECT_EQ(copy.attributes, shared.attributes);
  EXPECT_EQ(copy.limit, shared.limit);
  EXPECT_EQ(copy.base, shared.base);
  EXPECT_EQ(ReadOnce(shared.limit), shared.limit);
}

TEST(Result, HoldsValueOrStatus) {
  const Result<int> good = 3;
  const Result<int> bad = Status::kQuotaExceeded;
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(*good, 3);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.status(), Status::kQuotaExceeded);
  EXPECT_STREQ(StatusName(bad.status()), "quota exceeded");
}

}  // namespace
}  // namespace bulkhead
