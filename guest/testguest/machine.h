// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_MACHINE_H_
#define BULKHEAD_GUEST_TESTGUEST_MACHINE_H_

// What the parts of the test guest that are the same everywhere need of the machine.

#include <cstdint>
#include <string_view>

namespace bulkhead::testguest {

// From here on interrupts are counted, and exceptions that nobody expects end the guest.
void InstallInterrupts();

// What the entry found: `boot` is the address that the boot protocol passes.
std::string_view CommandLine(uint64_t boot);

// A character to the debug UART.
void DebugOutput(char c);

[[noreturn]] void PowerOff();
// Waits for interrupts without end.
[[noreturn]] void Sleep();

// A device's register.
uint32_t ReadDevice(uint64_t address);
void WriteDevice(uint64_t address, uint32_t value);

// What was written before is there for everybody before what is written after.
void MemoryBarrier();
// In a loop that waits.
void Relax();

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_MACHINE_H_
