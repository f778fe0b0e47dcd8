// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A hostile device against the console driver: configuration space changed at will, then rings
// overwritten between calls.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "drivers/virtio/testing/fake_virtio_pci.h"
#include "drivers/virtio/virtio_console_driver.h"
#include "virtio/console.h"
#include "virtio/testing/device_fuzz.h"

namespace bulkhead {
namespace {

class Backend final : public ConsoleBackend {
 public:
  size_t Write(uint32_t /*port*/, std::span<const std::byte> bytes) override {
    return bytes.size() - bytes.size() / 3;
  }
  void PortOpened(uint32_t /*port*/, bool /*open*/) override {}
  void InputPossible(uint32_t /*port*/) override {}
};

void Run(testing::FuzzInput input) {
  Backend backend;
  ConsoleDevice device(backend, "");
  testing::FakeVirtioPci machine(device);
  for (int patches = input.Take<uint8_t>() % 8; patches > 0; --patches) {
    const uint32_t offset = input.Take<uint8_t>();
    machine.PutConfig(offset, input.Take<uint32_t>());
  }
  VirtioConsoleDriver driver;
  const auto function = VirtioConsoleDriver::Find(machine, machine.host);
  const Status started = function.ok() ? driver.Start(machine, *function) : function.status();
  if ((started == Status::kOk) != (driver.status() == Status::kOk)) __builtin_trap();
  std::array<std::byte, 5000> bytes = {};
  while (started == Status::kOk && !input.empty()) {
    switch (input.Take<uint8_t>() % 6) {
      case 0:
        driver.Send(std::span(bytes).first(input.Take<uint16_t>() % bytes.size()));
        break;
      case 1: {
        const auto out = std::span(bytes).first(input.Take<uint16_t>() % bytes.size());
        if (driver.Receive(out) > out.size()) __builtin_trap();
        break;
      }
      case 2:
        device.Input(0, std::span(bytes).first(input.Take<uint16_t>() % bytes.size()));
        break;
      case 3: {
        const uint64_t ring = machine.used_ring(input.Take<uint8_t>() % 2);
        const uint64_t offset = input.Take<uint8_t>() % 160;
        const auto patch = input.TakeBytes(input.Take<uint8_t>() % 16);
        if (ring != 0) std::ranges::copy(patch, machine.ram().bytes(ring + offset, 16).begin());
        break;
      }
      case 4:
        machine.mute = !machine.mute;
        break;
      default:
        device.Resume(0);
        break;
    }
  }
}

}  // namespace
}  // namespace bulkhead

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bulkhead::Run(bulkhead::testing::FuzzInput(data, size));
  return 0;
}
