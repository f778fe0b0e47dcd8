// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_TIME_H_
#define BULKHEAD_BOOT_UEFI_TIME_H_

// UEFI's calendar. Free of the firmware, so that it is tested on the host.

#include <cstddef>
#include <cstdint>

namespace bulkhead::uefi {

struct Time {  // UEFI 2.10, 8.3.1
  uint16_t year;
  uint8_t month;
  uint8_t day;
  uint8_t hour;
  uint8_t minute;
  uint8_t second;
  uint8_t padding;
  uint32_t nanosecond;
  int16_t time_zone;  // minutes that UTC is ahead of it; kUnspecifiedTimeZone is taken for UTC
  uint8_t daylight;
  uint8_t padding_at_end;
};
static_assert(sizeof(Time) == 16);
static_assert(offsetof(Time, time_zone) == 12);

inline constexpr int16_t kUnspecifiedTimeZone = 0x7ff;

// 0 for what is no time from 1970 to 2261.
uint64_t NanosecondsSince1970(const Time& time);

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_TIME_H_
