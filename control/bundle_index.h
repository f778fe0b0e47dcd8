// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_BUNDLE_INDEX_H_
#define BULKHEAD_CONTROL_BUNDLE_INDEX_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "boot/bundle.h"

namespace bulkhead {

// The files of a bundle by name, in a time that does not grow with their number: a bundle alone is
// read from its start for each, and a node with many pods asks for several files of each of them.
class BundleIndex {
 public:
  // Once; `bundle` stays as it is from then on.
  void Build(const Bundle& bundle);

  // As those of Bundle.
  std::optional<BundleEntry> Find(std::string_view name) const;
  BundleError Require(std::string_view name, BundleEntry& entry) const;

  const Bundle& bundle() const { return bundle_; }

 private:
  // A hash table with open addressing, never more than half full.
  static constexpr uint64_t kSlots = 2 * kMaxBundleEntries;
  static uint64_t Hash(std::string_view name);

  Bundle bundle_;
  // Where an entry's header is, and 1; 0: empty.
  std::array<uint64_t, kSlots> slots_ = {};
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_BUNDLE_INDEX_H_
