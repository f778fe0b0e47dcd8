// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstdlib>
#include <cstring>
#include <memory>

#include "virtio/balloon.h"
#include "virtio/testing/device_fuzz.h"

namespace {

// Does at once what may happen at any time.
class ZeroingBackend final : public bulkhead::BalloonBackend {
 public:
  void Discard(std::span<std::byte> pages) override {
    const auto start = reinterpret_cast<uintptr_t>(pages.data());
    if (pages.empty() || start % bulkhead::kBalloonPageSize != 0 ||
        pages.size() % bulkhead::kBalloonPageSize != 0) {
      std::abort();
    }
    std::memset(pages.data(), 0, pages.size());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bulkhead::testing::DeviceFuzzer;
  bulkhead::testing::FuzzInput input(data, size);
  ZeroingBackend backend;
  const auto device =
      std::make_unique<bulkhead::BalloonDevice>(DeviceFuzzer::Ram().memory(), backend);
  DeviceFuzzer fuzzer(*device, input);
  while (fuzzer.Step()) {
    if (size % 3 == 0) (void)device->RequestStats();
  }
  return 0;
}
