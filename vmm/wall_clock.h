// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_WALL_CLOCK_H_
#define BULKHEAD_VMM_WALL_CLOCK_H_

#include <cstdint>

#include "vmm/startup.h"

namespace bulkhead {

// Nanoseconds since 1970 at counter value `now`; 0: the node does not know the time.
constexpr uint64_t WallClock(const VmmStartup& startup, uint64_t now) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const uint64_t hz = startup.counter_hz;
  const uint64_t elapsed = now / hz * kSecond + now % hz * kSecond / hz;
  return startup.wall_clock == 0 ? 0 : startup.wall_clock + elapsed;
}

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_WALL_CLOCK_H_
