// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_NODE_STATS_H_
#define BULKHEAD_CONTROL_NODE_STATS_H_

// The payload of NodeFrameType::kStats: one NodeStats, then a PodStats for every pod, by index.

#include <cstddef>
#include <cstdint>

#include "control/node_frame.h"

namespace bulkhead {

inline constexpr uint32_t kNodeStatsVersion = 1;
inline constexpr uint64_t kStatsUnknown = ~uint64_t{0};

struct NodeStats {
  uint32_t version;
  uint32_t pods;
  uint64_t time;         // nanoseconds of the node's clock, from any start
  uint64_t memory;       // bytes that the hypervisor gave the supervisor, pods included
  uint64_t memory_used;  // of them: taken by pods and supervisor
  uint64_t hypervisor;   // bytes that the hypervisor kept for itself
};
static_assert(sizeof(NodeStats) == 40);

// All zero but cpu for one that does not run.
struct PodStats {
  uint64_t cpu;          // nanoseconds that guest and VMM have had since the pod's last start
  uint64_t guest;        // bytes given to the guest
  uint64_t guest_used;   // bytes of them that the guest uses, or kStatsUnknown
  uint64_t page_tables;  // bytes of nested and VMM's page tables, or kStatsUnknown: part of vmm
  uint64_t vmm;          // bytes beyond the guest's
};
static_assert(sizeof(PodStats) == 40);

inline constexpr size_t kMaxNodeStats = sizeof(NodeStats) + kMaxNodePods * sizeof(PodStats);
static_assert(kMaxNodeStats <= kNodeFrameMaxPayload);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_NODE_STATS_H_
