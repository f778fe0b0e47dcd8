// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/pod_runner.h"

#include <algorithm>
#include <chrono>

namespace bulkhead {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

PodRunner::PodRunner(const PodSpec& spec, ContainerRuntime& runtime, AgentChannel& channel,
                     Pump& pump)
    : runtime_(runtime), channel_(channel), pump_(pump), lifecycle_(spec) {}

void PodRunner::Start(size_t container) {
  const auto number = static_cast<uint8_t>(container);
  Container started;
  const MaybeFailure failure = runtime_.Start(container, &started);
  lifecycle_.OnStarted(container, Clock::now());
  if (!failure) {
    channel_.Send(AgentMessage::kStarted, number);
    return pump_.Add(number, started);
  }
  channel_.SendFailed(number, failure->status, failure->text);
  lifecycle_.OnEnded(container, failure->status, Clock::now());
  if (!lifecycle_.over()) runtime_.Remove(container);
}

void PodRunner::End(const Pump::Ended& ended) {
  channel_.Send(AgentMessage::kExited, ended.number, ended.status);
  lifecycle_.OnEnded(ended.number, ended.status, Clock::now());
  // At the pod's end everything goes, and nobody waits for it.
  if (!lifecycle_.over()) runtime_.Remove(ended.number);
}

int PodRunner::Timeout() const {
  const auto due = lifecycle_.NextDue();
  if (!due.has_value()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

MaybeFailure PodRunner::Run() {
  for (;;) {
    if (pump_.signalled()) lifecycle_.Leave();
    if (const auto ended = pump_.TakeEnded()) {
      End(*ended);
    } else if (const auto next = lifecycle_.Next(Clock::now())) {
      Start(*next);
    } else if (lifecycle_.over()) {
      channel_.Send(AgentMessage::kPodEnded);
      return {};
    } else {
      BULKHEAD_RETURN_IF_FAILED(pump_.Step(Timeout()));
    }
  }
}

}  // namespace bulkhead
