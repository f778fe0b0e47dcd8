// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_ACPI_ACPI_SLEEP_TYPE_H_
#define BULKHEAD_BOOT_ACPI_ACPI_SLEEP_TYPE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace bulkhead {

// SLP_TYPa and SLP_TYPb, 3 bits each, of the first `Name (_S5, Package () {...})` in a stretch of
// AML; nullopt if none is found. See AcpiTables::ReadPowerOff for what that does not see.
std::optional<std::array<uint8_t, 2>> FindSleepType(std::span<const std::byte> aml);

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_ACPI_ACPI_SLEEP_TYPE_H_
