// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_ACPI_H_
#define BULKHEAD_VMM_X86_64_ACPI_H_

// The guest's hardware-reduced ACPI (ACPI 6.4, 4.1): RSDP, XSDT, FADT, MADT and a DSDT with the
// virtio-mmio devices that are there.

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "virtio/guest_memory.h"

namespace bulkhead {

// Local APIC entries (MADT type 0) reach ids below 255; ids are 0 to cpus - 1.
inline constexpr uint32_t kAcpiMaxCpus = 64;

struct AcpiConfig {
  uint32_t cpus = 1;
  uint32_t virtio_devices = 0;  // at most layout::kMaxVirtioDevices
};

// Where the tables were put, for the loader and for tests.
struct AcpiTables {
  GuestPhysical rsdp{}, xsdt{}, fadt{}, madt{}, dsdt{};
};

// Writes the tables to [address, address + length). kInvalidArgument: too many processors or
// devices; kNoMemory: they do not fit there, or it is not RAM.
Result<AcpiTables> BuildAcpiTables(const AcpiConfig& config, const GuestMemory& memory,
                                   GuestPhysical address, uint64_t length);

// What a write to one of the sleep and reset ports means.
enum class PowerEvent : uint8_t { kNone, kPowerOff, kReset };

// Reads of these ports give 0: nothing ever wakes (ACPI 6.4, 4.8.3.7.2). Nothing for ports that
// are not ours.
std::optional<PowerEvent> PowerPortWrite(uint16_t port, uint32_t value);
bool IsPowerPort(uint16_t port);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_ACPI_H_
