// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_AGENT_RESTART_POLICY_H_
#define BULKHEAD_GUEST_AGENT_RESTART_POLICY_H_

#include <chrono>
#include <cstdint>

namespace bulkhead {

// Whether what has ended is started again, as Kubernetes has it.
enum class RestartPolicy : uint8_t { kAlways, kOnFailure, kNever };

constexpr bool StartsAgain(RestartPolicy policy, bool failed) {
  return policy == RestartPolicy::kAlways || (policy == RestartPolicy::kOnFailure && failed);
}

// How long to wait between an end and the next start: twice as long each time, and from the start
// again after it has run for kBackOffReset.
inline constexpr std::chrono::seconds kFirstBackOff(10);
inline constexpr std::chrono::seconds kLastBackOff(300);
inline constexpr std::chrono::minutes kBackOffReset(10);

constexpr std::chrono::seconds BackOff(uint32_t restarts_before) {
  const std::chrono::seconds wait =
      kFirstBackOff * (1u << (restarts_before < 5 ? restarts_before : 5));
  return wait < kLastBackOff ? wait : kLastBackOff;
}

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_AGENT_RESTART_POLICY_H_
