// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_X86_64_REAL_TIME_CLOCK_H_
#define BULKHEAD_CONTROL_X86_64_REAL_TIME_CLOCK_H_

#include <cstdint>

namespace bulkhead {

// Nanoseconds since 1970 by the machine's clock (MC146818 at ports 0x70 and 0x71, which every PC
// has); 0 if it shows no date.
uint64_t ReadRealTimeClock();

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_X86_64_REAL_TIME_CLOCK_H_
