// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_ACPI_FIELDS_H_
#define BULKHEAD_BOOT_ACPI_FIELDS_H_

// Fields of tables.

#include <cstddef>
#include <cstdint>
#include <span>

namespace bulkhead::acpi {

using Bytes = std::span<const std::byte>;

// ACPI 6.4, 5.2.6, System Description Table Header.
inline constexpr uint32_t kHeaderLength = 36;
// 5.2.3.2, Generic Address Structure: space, bit width, bit offset, access size, address.
inline constexpr size_t kGenericAddressLength = 12;
inline constexpr size_t kGenericAddress = 4;

// Little-endian, unaligned; 0 where the bytes end before it, as the fields of older and shorter
// tables are absent.
inline uint64_t Read(Bytes bytes, size_t offset, size_t width) {
  if (offset > bytes.size() || bytes.size() - offset < width) return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) {
    value |= std::to_integer<uint64_t>(bytes[offset + i]) << (8 * i);
  }
  return value;
}

inline uint32_t Read32(Bytes bytes, size_t offset) {
  return static_cast<uint32_t>(Read(bytes, offset, 4));
}

}  // namespace bulkhead::acpi

#endif  // BULKHEAD_BOOT_ACPI_FIELDS_H_
