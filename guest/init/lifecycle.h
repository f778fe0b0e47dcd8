// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_LIFECYCLE_H_
#define BULKHEAD_GUEST_INIT_LIFECYCLE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "guest/agent/pod_spec.h"

namespace bulkhead {

// Which of a pod's containers run when, as Kubernetes has it: init containers one after another,
// each until it has succeeded, then all the others; what ends is started again by the pod's policy
// after a back-off of its own. Decides only; has no clock.
class PodLifecycle {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit PodLifecycle(const PodSpec& spec);

  // A container to be started now.
  std::optional<size_t> Next(Time now) const;
  // When there will be one if nothing else happens.
  std::optional<Time> NextDue() const;

  void OnStarted(size_t container, Time now);
  // It has ended with this exit status, or could not be started.
  void OnEnded(size_t container, uint32_t status, Time now);
  // Nothing is started any more.
  void Leave() { leaving_ = true; }

  // Nothing runs, and nothing will.
  bool over() const;

 private:
  struct State {
    bool init = false;
    bool running = false;
    bool ended = false;   // for good
    bool failed = false;  // at that
    uint32_t restarts = 0;
    std::optional<Time> started;
    std::optional<Time> due;  // not before; none: at any time
  };

  // The containers whose turn it is: the first and the one after the last.
  std::pair<size_t, size_t> Turn() const;
  bool Waits(size_t container) const;

  const RestartPolicy policy_;
  std::vector<State> states_;
  bool leaving_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_LIFECYCLE_H_
