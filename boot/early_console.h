// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_EARLY_CONSOLE_H_
#define BULKHEAD_BOOT_EARLY_CONSOLE_H_

// The UART, polled, for what has to be said before anything else works. Each architecture has its
// own implementation, for the hypervisor image and for the UEFI application.

#include <cstdint>
#include <string_view>

namespace bulkhead {

// Takes the UART at `address` into use: on x86_64 the I/O port of a 16550, set to 115200 baud, 8N1;
// on aarch64 the physical address of a PL011, mapped one to one, whose speed is left as it is.
// Until then, and with 0, nothing is written.
void EarlyConsoleInit(uint64_t address);

// With a bounded wait for each byte; a line end becomes CR LF.
void EarlyConsoleWrite(std::string_view text);

// Resets the machine. QEMU ends when it was started with -no-reboot.
[[noreturn]] void EarlyReset();

// Writes the line "bulkhead: fatal: TEXT" and resets the machine.
[[noreturn]] void EarlyFatal(std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_EARLY_CONSOLE_H_
