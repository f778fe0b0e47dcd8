// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "control/firmware_tree.h"

namespace {

void Check(bool property) {
  if (!property) __builtin_trap();
}

void CheckHost(const bulkhead::PciHost& host) {
  constexpr uint64_t kTop = uint64_t{1} << 52;
  Check(host.first_bus <= host.last_bus);
  Check(Raw(host.ecam) + (uint64_t{host.last_bus} << 20) < kTop);
  Check(!host.windows().empty());
  for (const bulkhead::PciWindow& window : host.windows()) {
    Check(window.length != 0 && Raw(window.start) + window.length <= kTop);
    Check(window.bus_address + window.length > window.bus_address);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Of exactly this size, and aligned as a tree is.
  const auto copy = std::make_unique<std::byte[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  bulkhead::FirmwareTree tree;
  if (!bulkhead::FirmwareTree::Open({copy.get(), size}, tree).ok()) return 0;
  bulkhead::PciHost host;
  const bulkhead::FirmwareTreeError error = tree.ReadPciHost(host);
  if (error.ok()) CheckHost(host);
  bulkhead::Text<> text;
  text << error;
  const auto seed = tree.Seed();
  Check(seed.empty() || (seed.data() > copy.get() && seed.size() < size));
  return 0;
}
