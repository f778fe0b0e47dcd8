// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_LOG_H_
#define BULKHEAD_ARCH_LOG_H_

// The hypervisor's log: lines of text on the machine's log UART.

#include <string_view>

namespace bulkhead {

void LogLine(std::string_view text);

// Writes the line "bulkhead: fatal: TEXT" and resets the machine.
[[noreturn]] void Fatal(std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_ARCH_LOG_H_
