// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Devices with any BARs on a bus with any windows: what is assigned lies in the windows, is
// aligned, and does not overlap.

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "drivers/pci/bar_assigner.h"
#include "drivers/pci/testing/fake_pci_bus.h"
#include "virtio/testing/device_fuzz.h"

namespace bulkhead {
namespace {

using testing::FakePciBus;
using testing::FuzzInput;

constexpr uint32_t kDevices = 3;

void Check(bool property) {
  if (!property) __builtin_trap();
}

void AddWindows(FuzzInput& input, PciHost& host) {
  for (uint32_t count = input.Take<uint8_t>() % (kMaxPciWindows + 1); count > 0; --count) {
    PciWindow window = {.bus_address = input.Take<uint64_t>()};
    window.start = static_cast<HostPhysical>(window.bus_address);
    window.length = input.Take<uint64_t>();
    window.prefetchable = input.Take<uint8_t>() % 2 != 0;
    host.AddWindow(window);
  }
}

void Run(FuzzInput input) {
  FakePciBus bus;
  AddWindows(input, bus.host);
  for (uint32_t device = 0; device < kDevices; ++device) {
    FakePciBus::Function& function = bus.Add(device << 3, 1, static_cast<uint16_t>(device));
    function.Put(kPciHeaderType, static_cast<uint8_t>(input.Take<uint8_t>() & 0x81));
    for (uint32_t i = 0; i < kPciBars; ++i) {
      function.Put(kPciBar0 + 4 * i, input.Take<uint32_t>());
      function.bar_mask[i] = input.Take<uint32_t>() & ~(i % 2 == 0 ? 15U : 0);
    }
  }

  PciBarAssigner assigner(bus.host);
  std::vector<PciBar> assigned;
  for (uint16_t device = 0; device < kDevices; ++device) {
    const auto function = PciFunction::Find(bus, bus.host, 1, std::array{device});
    Check(function.ok());
    FakePciBus::Function& registers = bus.function(uint32_t{device} << 3);
    const auto before = registers.config;
    const Status status = assigner.Assign(bus, *function);
    if (status != Status::kOk || before == registers.config) continue;
    for (uint32_t i = 0; i < kPciBars; ++i) {
      const PciBar bar = function->ReadBar(i);
      if (bar.wide) ++i;
      if (bar.size == 0) continue;
      Check(bar.address != 0 && bar.address % bar.size == 0);
      Check(bus.host.ToPhysical(bar.address, bar.size).ok());
      for (const PciBar& other : assigned) {
        Check(bar.address + (bar.size - 1) < other.address ||
              other.address + (other.size - 1) < bar.address);
      }
      assigned.push_back(bar);
    }
  }
}

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::Run(bulkhead::testing::FuzzInput(data, size));
  return 0;
}
