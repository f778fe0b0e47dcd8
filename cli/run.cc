// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/run.h"

#include "cli/failure.h"
#include "cli/image_reference.h"
#include "cli/node_run.h"
#include "cli/run_request.h"

namespace bulkhead {

absl::StatusOr<SessionResult> RunPod(const RunOptions& options, const std::string& program,
                                     const RunContext& context) {
  BULKHEAD_ASSIGN_OR_RETURN(const PodRequest pod, MakePodRequest(options));
  BULKHEAD_RETURN_IF_FAILED(ParseImageReference(pod.containers[0].image).status());
  SessionPod session_pod;
  session_pod.name = pod.name;
  session_pod.containers.emplace_back();
  session_pod.timeout = std::chrono::seconds(options.timeout);
  session_pod.timeout_advice = "; give --timeout more seconds if it needs them";
  SessionOptions session;
  session.pods = {session_pod};
  return RunNode(options, {pod}, /*memory=*/0, session, program, context);
}

}  // namespace bulkhead
