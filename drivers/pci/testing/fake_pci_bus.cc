// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/pci/testing/fake_pci_bus.h"

namespace bulkhead::testing {

void FakePciBus::Function::PutBar(uint32_t index, uint64_t size, bool wide, bool prefetchable) {
  const uint64_t mask = ~(size - 1);
  bar_mask[index] = static_cast<uint32_t>(mask) & ~15U;
  if (wide) bar_mask[index + 1] = static_cast<uint32_t>(mask >> 32);
  Put<uint32_t>(kPciBar0 + 4 * index, (wide ? 4 : 0) | (prefetchable ? 8 : 0));
}

uint64_t FakePciBus::Function::Bar(uint32_t index, bool wide) const {
  const uint64_t high = wide ? Get<uint32_t>(kPciBar0 + 4 * index + 4) : 0;
  return high << 32 | (Get<uint32_t>(kPciBar0 + 4 * index) & ~15U);
}

FakePciBus::Function& FakePciBus::Add(uint32_t number, uint16_t vendor, uint16_t device) {
  Function& function = functions_[number];
  function.Put(kPciVendorId, vendor);
  function.Put(kPciDeviceId, device);
  return function;
}

// A mapping is its physical address: only ReadDevice and WriteDevice look at it.
Result<volatile std::byte*> FakePciBus::MapDevice(HostPhysical start, uint64_t /*length*/) {
  return reinterpret_cast<volatile std::byte*>(Raw(start));
}

FakePciBus::Function* FakePciBus::Find(const volatile std::byte* address, uint32_t& offset) {
  const uint64_t at = reinterpret_cast<uintptr_t>(address) - Raw(kEcam);
  const auto found = functions_.find(static_cast<uint32_t>(at / kPciFunctionBytes));
  offset = static_cast<uint32_t>(at % kPciFunctionBytes);
  return at / kPciFunctionBytes < PciBus::kFunctions && found != functions_.end() ? &found->second
                                                                                  : nullptr;
}

uint32_t FakePciBus::ReadDevice(const volatile std::byte* address, int width) {
  uint32_t offset = 0;
  const Function* const function = Find(address, offset);
  uint32_t value = ~uint32_t{0} >> (32 - 8 * width);
  if (function != nullptr) {
    value = 0;
    std::memcpy(&value, function->config.data() + offset, static_cast<size_t>(width));
  }
  return value;
}

void FakePciBus::WriteDevice(volatile std::byte* address, int width, uint32_t value) {
  uint32_t offset = 0;
  Function* const function = Find(address, offset);
  if (function == nullptr) return;
  if (offset >= kPciBar0 && offset < kPciBar0 + 4 * kPciBars) {
    const uint32_t mask = function->bar_mask[(offset - kPciBar0) / 4];
    value = (value & mask) | (function->Get<uint32_t>(offset & ~3U) & ~mask);
  } else if (offset != kPciCommand) {
    return;
  }
  std::memcpy(function->config.data() + offset, &value, static_cast<size_t>(width));
}

}  // namespace bulkhead::testing
