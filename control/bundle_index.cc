// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/bundle_index.h"

namespace bulkhead {

// FNV-1a. Whoever writes a bundle runs the node: names that collide on purpose are no concern.
uint64_t BundleIndex::Hash(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash ^ hash >> 32;
}

void BundleIndex::Build(const Bundle& bundle) {
  bundle_ = bundle;
  slots_ = {};
  for (const BundleEntry& entry : bundle) {
    if (!entry.is_regular()) continue;
    uint64_t slot = Hash(entry.name) % kSlots;
    while (slots_[slot] != 0) slot = (slot + 1) % kSlots;
    slots_[slot] = entry.offset + 1;
  }
}

std::optional<BundleEntry> BundleIndex::Find(std::string_view name) const {
  for (uint64_t slot = Hash(name) % kSlots; slots_[slot] != 0; slot = (slot + 1) % kSlots) {
    const BundleEntry entry = *bundle_.At(slots_[slot] - 1);
    if (entry.name == name) return entry;
  }
  return std::nullopt;
}

BundleError BundleIndex::Require(std::string_view name, BundleEntry& entry) const {
  const std::optional<BundleEntry> found = Find(name);
  if (!found) return {.kind = BundleErrorKind::kNoEntry, .name = name};
  entry = *found;
  return {};
}

}  // namespace bulkhead
