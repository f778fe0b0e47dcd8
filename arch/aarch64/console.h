// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_CONSOLE_H_
#define BULKHEAD_ARCH_AARCH64_CONSOLE_H_

#include <cstdint>

namespace bulkhead::arch {

// Whether there is a log UART, whose registers are then to be mapped; and where they are from now
// on.
bool HasConsole();
void MoveConsole(uint64_t address);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_CONSOLE_H_
