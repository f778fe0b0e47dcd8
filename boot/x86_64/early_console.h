// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_X86_64_EARLY_CONSOLE_H_
#define BULKHEAD_BOOT_X86_64_EARLY_CONSOLE_H_

#include <cstdint>
#include <string_view>

namespace bulkhead {

// I/O port of the UART that loaders and hypervisor log to: COM1.
inline constexpr uint16_t kEarlySerialPort = 0x3f8;

// 115200 baud, 8N1. Harmless where there is no UART.
void EarlyConsoleInit();

// Polled, with a bounded wait for each byte; a line end becomes CR LF.
void EarlyConsoleWrite(std::string_view text);

// Resets the machine. QEMU ends when it was started with -no-reboot.
[[noreturn]] void EarlyReset();

// Writes the line "bulkhead: fatal: TEXT" and resets the machine.
[[noreturn]] void EarlyFatal(std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_X86_64_EARLY_CONSOLE_H_
