// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/x86_64/real_time_clock.h"

#include "control/x86_64/ports.h"

namespace bulkhead {
namespace {

constexpr uint16_t kClockIndex = 0x70;
constexpr uint16_t kClockData = 0x71;

uint8_t ReadClock(uint8_t index) {
  WritePort(kClockIndex, 1, index);
  return static_cast<uint8_t>(ReadPort(kClockData, 1));
}

struct Date {
  uint64_t second, minute, hour, day, month, year;
  bool operator==(const Date&) const = default;
};

Date ReadDate() {
  enum Register : uint8_t { kSecond = 0, kMinute = 2, kHour = 4, kDay = 7, kMonth = 8, kYear = 9 };
  const bool binary = (ReadClock(0x0b) & 0x04) != 0;
  const auto number = [&](uint8_t index) -> uint64_t {
    const uint8_t raw = ReadClock(index);
    return binary ? raw : raw / 16 * 10 + raw % 16;
  };
  return {number(kSecond), number(kMinute), number(kHour),
          number(kDay),    number(kMonth),  number(kYear) + 2000};
}

// Days from 1970-01-01 to a date of the Gregorian calendar, counting years from March.
uint64_t DaysSince1970(const Date& date) {
  const uint64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const uint64_t month = (date.month + 9) % 12;
  const uint64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
  constexpr uint64_t kDaysTo1970 = 719468;
  return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - kDaysTo1970;
}

}  // namespace

uint64_t ReadRealTimeClock() {
  // The same twice: the clock was not changing meanwhile.
  Date date = ReadDate();
  for (int i = 0; i < 8; ++i) {
    const Date again = ReadDate();
    if (again == date) break;
    date = again;
  }
  if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31) return 0;
  const uint64_t seconds =
      ((DaysSince1970(date) * 24 + date.hour) * 60 + date.minute) * 60 + date.second;
  return seconds * 1'000'000'000;
}

}  // namespace bulkhead
