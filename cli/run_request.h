// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_RUN_REQUEST_H_
#define BULKHEAD_CLI_RUN_REQUEST_H_

#include "absl/status/statusor.h"
#include "cli/options.h"
#include "cli/pod_request.h"

namespace bulkhead {

// The pod that the options of `run` ask for.
absl::StatusOr<PodRequest> MakePodRequest(const RunOptions& options);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_RUN_REQUEST_H_
