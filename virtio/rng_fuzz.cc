// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <memory>

#include "virtio/rng.h"
#include "virtio/testing/device_fuzz.h"

namespace {

class FuzzEntropy final : public bulkhead::EntropySource {
 public:
  size_t Entropy(std::span<std::byte> out) override {
    const size_t count = (calls_++ % 5) * out.size() / 4;  // sometimes nothing
    for (std::byte& byte : out.first(count)) byte = std::byte{0x5a};
    return count;
  }

 private:
  size_t calls_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bulkhead::testing::DeviceFuzzer;
  bulkhead::testing::FuzzInput input(data, size);
  FuzzEntropy entropy;
  const auto device = std::make_unique<bulkhead::RngDevice>(entropy);
  DeviceFuzzer fuzzer(*device, input);
  while (fuzzer.Step()) {
  }
  return 0;
}
