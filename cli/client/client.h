// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_CLIENT_CLIENT_H_
#define BULKHEAD_CLI_CLIENT_CLIENT_H_

#include "absl/status/status.h"
#include "cli/client/client_options.h"
#include "cli/progress.h"

namespace bulkhead {

// `bulkhead ps`, `logs`, `top`, `stop` and `down`. Results go to stdout. A failure's message is for
// the user; an empty one has been told.
absl::Status RunClient(const ClientOptions& options, Progress* progress);

// Each of them.
absl::Status ShowNodes(const ClientOptions& options);
absl::Status ShowLogs(const ClientOptions& options);
absl::Status ShowTop(const ClientOptions& options);
absl::Status StopPods(const ClientOptions& options, Progress* progress);
absl::Status EndNode(const ClientOptions& options, Progress* progress);

// Writes all of it.
absl::Status Print(int fd, const std::string& text);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_CLIENT_CLIENT_H_
