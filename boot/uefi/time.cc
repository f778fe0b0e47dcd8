// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/uefi/time.h"

#include <chrono>

namespace bulkhead::uefi {
namespace {

constexpr int kFirstYear = 1970;
constexpr int kLastYear = 2261;  // 64 bits of signed nanoseconds end in 2262
constexpr int16_t kMaxTimeZone = 1440;
constexpr uint32_t kSecond = 1'000'000'000;  // ns

bool IsTime(const Time& time) {
  return time.year >= kFirstYear && time.year <= kLastYear && time.hour < 24 && time.minute < 60 &&
         time.second < 60 && time.nanosecond < kSecond &&
         (time.time_zone == kUnspecifiedTimeZone ||
          (time.time_zone >= -kMaxTimeZone && time.time_zone <= kMaxTimeZone));
}

}  // namespace

uint64_t NanosecondsSince1970(const Time& time) {
  const std::chrono::year_month_day date(
      std::chrono::year(time.year), std::chrono::month(time.month), std::chrono::day(time.day));
  if (!IsTime(time) || !date.ok()) return 0;
  const int zone = time.time_zone == kUnspecifiedTimeZone ? 0 : time.time_zone;
  const std::chrono::nanoseconds since =
      std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(time.hour) +
      std::chrono::minutes(time.minute + zone) + std::chrono::seconds(time.second) +
      std::chrono::nanoseconds(time.nanosecond);
  return since.count() > 0 ? static_cast<uint64_t>(since.count()) : 0;
}

}  // namespace bulkhead::uefi
