// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <span>

#include "boot/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> archive(reinterpret_cast<const std::byte*>(data), size);
  bulkhead::Bundle bundle;
  const bulkhead::BundleError error = bulkhead::Bundle::Open(archive, bundle);
  bulkhead::Text<> text;
  text << error;
  if (text.view().empty()) __builtin_trap();
  uint64_t sum = 0;
  uint64_t count = 0;
  for (const bulkhead::BundleEntry& entry : bundle) {
    ++count;
    for (const std::byte byte : entry.data) sum += static_cast<uint64_t>(byte);
    for (const char c : entry.name) sum += static_cast<unsigned char>(c);
    if (entry.is_regular() && !bundle.Find(entry.name)) __builtin_trap();
  }
  if (!error.ok() && count != 0) __builtin_trap();
  if (count > bulkhead::kMaxBundleEntries) __builtin_trap();
  asm volatile("" : : "r"(sum));  // every byte is read
  return 0;
}
