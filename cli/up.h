// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_UP_H_
#define BULKHEAD_CLI_UP_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/detach.h"
#include "cli/node_session.h"
#include "cli/options.h"
#include "cli/subprocess.h"

namespace bulkhead {

// `bulkhead up`, from the manifests to the last pod's end; with `detachment` to the node's, and it
// is completed once all have started. `program`: this command's own file. A status is an error
// before the node ran.
absl::StatusOr<SessionResult> UpPods(const UpOptions& options, const std::string& program,
                                     const RunContext& context, Detachment* detachment);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_UP_H_
