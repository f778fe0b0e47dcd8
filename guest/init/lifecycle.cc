// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/lifecycle.h"

#include <algorithm>

namespace bulkhead {

PodLifecycle::PodLifecycle(const PodSpec& spec) : policy_(spec.restart) {
  for (const PodSpec::Container& container : spec.containers) {
    states_.emplace_back().init = container.init;
  }
}

std::pair<size_t, size_t> PodLifecycle::Turn() const {
  size_t first = 0;
  for (; first < states_.size() && states_[first].init; ++first) {
    if (states_[first].failed) return {first, first};  // the pod has failed
    if (!states_[first].ended) return {first, first + 1};
  }
  return {first, states_.size()};
}

bool PodLifecycle::Waits(size_t container) const {
  return !leaving_ && !states_[container].running && !states_[container].ended;
}

std::optional<size_t> PodLifecycle::Next(Time now) const {
  const auto [first, end] = Turn();
  for (size_t i = first; i < end; ++i) {
    if (Waits(i) && states_[i].due.value_or(now) <= now) return i;
  }
  return std::nullopt;
}

std::optional<PodLifecycle::Time> PodLifecycle::NextDue() const {
  const auto [first, end] = Turn();
  std::optional<Time> next;
  for (size_t i = first; i < end; ++i) {
    const std::optional<Time>& due = states_[i].due;
    if (Waits(i) && due.has_value()) next = std::min(next.value_or(*due), *due);
  }
  return next;
}

void PodLifecycle::OnStarted(size_t container, Time now) {
  states_[container].running = true;
  states_[container].started = now;
}

void PodLifecycle::OnEnded(size_t container, uint32_t status, Time now) {
  State& state = states_[container];
  state.running = false;
  // One that is there to succeed once has done so, whatever the policy.
  const RestartPolicy policy =
      state.init && policy_ == RestartPolicy::kAlways ? RestartPolicy::kOnFailure : policy_;
  if (!StartsAgain(policy, status != 0)) {
    state.ended = true;
    state.failed = status != 0;
    return;
  }
  if (state.started.has_value() && now - *state.started >= kBackOffReset) state.restarts = 0;
  state.started.reset();
  state.due = now + BackOff(state.restarts++);
}

bool PodLifecycle::over() const {
  const auto [first, end] = Turn();
  for (size_t i = first; i < end; ++i) {
    if (states_[i].running || Waits(i)) return false;
  }
  return true;
}

}  // namespace bulkhead
