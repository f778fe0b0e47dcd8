// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_X86_64_PORTS_H_
#define BULKHEAD_CONTROL_X86_64_PORTS_H_

#include <cstdint>

namespace bulkhead {

// The machine's I/O ports; width is 1, 2 or 4 bytes.
uint64_t ReadPort(uint16_t port, unsigned width);
void WritePort(uint16_t port, unsigned width, uint64_t value);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_X86_64_PORTS_H_
