// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <memory>
#include <vector>

#include "virtio/block.h"
#include "virtio/testing/device_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bulkhead::testing::DeviceFuzzer;
  bulkhead::testing::FuzzInput input(data, size);
  static const std::vector<std::byte> image(10 * 512 + 77, std::byte{0x11});
  const auto device = std::make_unique<bulkhead::BlockDevice>(image, "fuzz");
  DeviceFuzzer fuzzer(*device, input);
  while (fuzzer.Step()) {
  }
  return 0;
}
