// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_POD_RUNNER_H_
#define BULKHEAD_GUEST_INIT_POD_RUNNER_H_

#include <cstddef>

#include "guest/agent/pod_spec.h"
#include "guest/init/agent_channel.h"
#include "guest/init/container.h"
#include "guest/init/failure.h"
#include "guest/init/lifecycle.h"
#include "guest/init/pump.h"

namespace bulkhead {

class ContainerRuntime {
 public:
  // Starts the pod's container of this number, as new as at the first time.
  virtual MaybeFailure Start(size_t container, Container* out) = 0;
  // Gives back what is left of one that has ended.
  virtual void Remove(size_t container) = 0;

 protected:
  ~ContainerRuntime() = default;
};

// Runs a pod's containers until the last has ended for good, and reports what they do on the
// channel.
class PodRunner {
 public:
  // All references outlive the runner.
  PodRunner(const PodSpec& spec, ContainerRuntime& runtime, AgentChannel& channel, Pump& pump);

  // Fails when the host breaks the protocol or closes its end.
  MaybeFailure Run();

 private:
  void Start(size_t container);
  void End(const Pump::Ended& ended);
  // When the next container is due, as poll(2) wants it.
  int Timeout() const;

  ContainerRuntime& runtime_;
  AgentChannel& channel_;
  Pump& pump_;
  PodLifecycle lifecycle_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_POD_RUNNER_H_
