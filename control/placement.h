// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_PLACEMENT_H_
#define BULKHEAD_CONTROL_PLACEMENT_H_

// On which CPU a pod runs: on that of which the pods there ask for least. It stays there.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "hypervisor/abi/types.h"

namespace bulkhead {

class Placement {
 public:
  // Indexes of CPUs are below `count`, 1 to abi::kMaxCpus.
  void SetCpus(uint32_t count) { count_ = count; }
  uint32_t cpus() const { return count_; }

  // The index of the CPU for a pod of this weight; Give takes it back.
  uint32_t Take(uint64_t weight) {
    const auto loads = std::span(loads_).first(count_);
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += weight;
    return static_cast<uint32_t>(least - loads.begin());
  }
  void Give(uint32_t cpu, uint64_t weight) { loads_[cpu] -= weight; }

 private:
  std::array<uint64_t, abi::kMaxCpus> loads_ = {};  // sums of weights
  uint32_t count_ = 1;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_PLACEMENT_H_
