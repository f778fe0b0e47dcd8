// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/time.h"

#include <gtest/gtest.h>

namespace bulkhead::uefi {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

Time At(uint16_t year, uint8_t month, uint8_t day, uint8_t hour = 0, uint8_t minute = 0,
        uint8_t second = 0) {
  return {.year = year,
          .month = month,
          .day = day,
          .hour = hour,
          .minute = minute,
          .second = second,
          .padding = 0,
          .nanosecond = 0,
          .time_zone = kUnspecifiedTimeZone,
          .daylight = 0,
          .padding_at_end = 0};
}

TEST(Time, CountsFrom1970) {
  EXPECT_EQ(NanosecondsSince1970(At(1970, 1, 1, 0, 0, 1)), kSecond);
  EXPECT_EQ(NanosecondsSince1970(At(2000, 2, 29)), 951782400 * kSecond);
  EXPECT_EQ(NanosecondsSince1970(At(2000, 3, 1)), 951868800 * kSecond);
  EXPECT_EQ(NanosecondsSince1970(At(2030, 1, 2, 3, 4, 5)), 1893553445 * kSecond);
  EXPECT_EQ(NanosecondsSince1970(At(2261, 12, 31, 23, 59, 59)), 9214646399 * kSecond);
  Time time = At(2030, 1, 2, 3, 4, 5);
  time.nanosecond = 999'999'999;
  EXPECT_EQ(NanosecondsSince1970(time), 1893553446 * kSecond - 1);
}

TEST(Time, KnowsTimeZones) {
  Time time = At(2030, 1, 2, 3, 4, 5);
  time.time_zone = -60;  // UTC = local time + zone: Berlin in winter
  EXPECT_EQ(NanosecondsSince1970(time), (1893553445 - 3600) * kSecond);
  time.time_zone = 1440;
  EXPECT_EQ(NanosecondsSince1970(time), (1893553445 + 86400) * kSecond);
  time.time_zone = 1441;
  EXPECT_EQ(NanosecondsSince1970(time), 0u);
}

TEST(Time, RefusesWhatIsNone) {
  EXPECT_EQ(NanosecondsSince1970(At(1970, 1, 1)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(1969, 12, 31)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(2262, 1, 1)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(0, 0, 0)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(2030, 13, 1)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(2030, 2, 29)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(2030, 1, 1, 24)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(2030, 1, 1, 0, 60)), 0u);
  EXPECT_EQ(NanosecondsSince1970(At(2030, 1, 1, 0, 0, 60)), 0u);
}

}  // namespace
}  // namespace bulkhead::uefi
