// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/platform.h"

namespace bulkhead {

namespace {

// One access of that width. Volatile accesses to device memory stay in order (Arm ARM DDI 0487,
// B2.7.2: Device-nGnRE; x86: uncached).
uint32_t Load(const volatile std::byte* address, int width) {
  switch (width) {
    case 1:
      return *reinterpret_cast<const volatile uint8_t*>(address);
    case 2:
      return *reinterpret_cast<const volatile uint16_t*>(address);
    default:
      return *reinterpret_cast<const volatile uint32_t*>(address);
  }
}

}  // namespace

uint32_t DriverPlatform::ReadDevice(const volatile std::byte* address, int width) {
  const uint32_t value = Load(address, width);
  DmaAcquire();
  return value;
}

void DriverPlatform::WriteDevice(volatile std::byte* address, int width, uint32_t value) {
  // Doorbells: what the device is told of must be in memory when it looks.
  DmaRelease();
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
