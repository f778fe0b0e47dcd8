// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_SHARE_H_
#define BULKHEAD_GUEST_TESTGUEST_SHARE_H_

#include <cstdint>

namespace bulkhead::testguest {

// Spins, and prints how much of a stretch of time it ran, in thousandths: `# share SHARE`. Then it
// spins on: others may be measuring still.
[[noreturn]] void MeasureShare();

// Nanoseconds since some moment, by the clock that the platform has for guests. Each architecture's
// own.
uint64_t ClockNow();

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_SHARE_H_
