// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_PORTS_H_
#define BULKHEAD_CONTROL_PORTS_H_

#include <cstdint>

namespace bulkhead {

// The machine's I/O ports; width is 1, 2 or 4 bytes.
uint64_t ReadPort(uint16_t port, unsigned width);
void WritePort(uint16_t port, unsigned width, uint64_t value);

// Nanoseconds since 1970 by the machine's clock (MC146818 at ports 0x70 and 0x71, which every PC
// has); 0 if it shows no date.
uint64_t ReadRealTimeClock();

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_PORTS_H_
