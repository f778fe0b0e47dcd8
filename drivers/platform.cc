// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/platform.h"

namespace bulkhead {

uint32_t DriverPlatform::ReadDevice(const volatile std::byte* address, int width) {
  switch (width) {
    case 1:
      return *reinterpret_cast<const volatile uint8_t*>(address);
    case 2:
      return *reinterpret_cast<const volatile uint16_t*>(address);
    default:
      return *reinterpret_cast<const volatile uint32_t*>(address);
  }
}

void DriverPlatform::WriteDevice(volatile std::byte* address, int width, uint32_t value) {
  switch (width) {
    case 1:
      *reinterpret_cast<volatile uint8_t*>(address) = static_cast<uint8_t>(value);
      break;
    case 2:
      *reinterpret_cast<volatile uint16_t*>(address) = static_cast<uint16_t>(value);
      break;
    default:
      *reinterpret_cast<volatile uint32_t*>(address) = value;
      break;
  }
}

}  // namespace bulkhead
