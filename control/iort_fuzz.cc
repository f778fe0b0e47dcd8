// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "control/iort.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Of exactly this size.
  const auto copy = std::make_unique<std::byte[]>(size);
  std::ranges::copy(std::as_bytes(std::span(data, size)), copy.get());
  bulkhead::PciHost host;
  const char* wrong = bulkhead::ReadIort({copy.get(), size}, host);
  if (wrong != nullptr && std::string_view(wrong).empty()) __builtin_trap();
  (void)host.MsiDevice(0x18);
  return 0;
}
