// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_MACHINE_H_
#define BULKHEAD_CONTROL_MACHINE_H_

// What the supervisor does in another way on each architecture: control/x86_64/machine.cc and
// control/aarch64/machine.cc.

#include <cstddef>
#include <cstdint>
#include <span>

#include "boot/acpi/acpi_tables.h"
#include "boot/elf.h"
#include "drivers/uart/uart16550.h"

namespace bulkhead::machine {

// What programs of this machine are made for.
ElfMachine ProgramMachine();

// Nanoseconds since 1970, now, by a clock that the supervisor reaches itself; 0 if there is none.
uint64_t ReadClock();

// Fills `out` with the processor's random numbers. False if it has none to give.
bool ReadRandom(std::span<std::byte> out);

// Lets the processors fetch instructions that were written to memory as data, before anybody is to
// execute them.
void SyncInstructions(std::span<const std::byte> code);

// The UART that a PC calls COM2; null where machines have none.
UartRegisters* Com2();

// Powers the machine off. `tables` is null if there are no ACPI tables. Returns if that does not
// work.
void PowerOff(AcpiTables* tables);

}  // namespace bulkhead::machine

#endif  // BULKHEAD_CONTROL_MACHINE_H_
