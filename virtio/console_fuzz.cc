// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <array>
#include <memory>

#include "virtio/console.h"
#include "virtio/testing/device_fuzz.h"

namespace {

using bulkhead::ConsoleDevice;

// Takes some of what it is given, and gives input where the device has just found room for it.
class FuzzBackend final : public bulkhead::ConsoleBackend {
 public:
  size_t Write(uint32_t port, std::span<const std::byte> bytes) override {
    if (port >= ConsoleDevice::kPorts || bytes.empty()) __builtin_trap();
    const size_t taken = room < bytes.size() ? room : bytes.size();
    for (const std::byte byte : bytes.first(taken)) sum_ += static_cast<uint8_t>(byte);
    room -= taken;
    return taken;
  }
  void PortOpened(uint32_t port, bool open) override {
    if (port >= ConsoleDevice::kPorts || open_[port] == open) __builtin_trap();
    open_[port] = open;
  }
  void InputPossible(uint32_t port) override {
    const std::array<std::byte, 100> bytes = {};
    const size_t taken = device->Input(port, bytes);
    if (taken > bytes.size() || (taken > 0 && !open_[port])) __builtin_trap();
  }

  size_t room = 0;
  ConsoleDevice* device = nullptr;

 private:
  std::array<bool, ConsoleDevice::kPorts> open_ = {};
  volatile uint8_t sum_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bulkhead::testing::DeviceFuzzer;
  bulkhead::testing::FuzzInput input(data, size);
  FuzzBackend backend;
  const auto device = std::make_unique<ConsoleDevice>(backend, "bulkhead.agent");
  backend.device = device.get();
  DeviceFuzzer fuzzer(*device, input);
  for (uint32_t step = 0; fuzzer.Step(); ++step) {
    if (step % 4 == 0) {
      backend.room = input.Take<uint16_t>();
      device->Resume(step / 4 % 3);
    }
  }
  return 0;
}
