// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_RUN_H_
#define BULKHEAD_CLI_NODE_RUN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/node_session.h"
#include "cli/options.h"
#include "cli/pod_request.h"
#include "cli/subprocess.h"

namespace bulkhead {

// Gets the pods' images, boots a node with them and drives it until they have ended. `session`:
// how, but for what follows from the pods and the options; its `pods` are in the order of `pods`.
// `memory`: of the node's machine, in bytes; 0: what the pods need. `program`: this command's own
// file. A status is an error before the node ran.
absl::StatusOr<SessionResult> RunNode(const NodeOptions& options,
                                      const std::vector<PodRequest>& pods, uint64_t memory,
                                      SessionOptions session, const std::string& program,
                                      const RunContext& context);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_RUN_H_
