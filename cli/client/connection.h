// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_CLIENT_CONNECTION_H_
#define BULKHEAD_CLI_CLIENT_CONNECTION_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "cli/keeper/node_home.h"
#include "cli/keeper/protocol.h"
#include "cli/progress.h"
#include "cli/unique_fd.h"

namespace bulkhead {

// One request to a node, and its answer.
class Connection {
 public:
  // Fails unless the node is kept.
  static absl::StatusOr<Connection> Open(const std::string& node, const ControlRequest& request);
  // Sends `request` over `fd`, which is connected.
  static absl::StatusOr<Connection> Start(const std::string& node, UniqueFd fd,
                                          const ControlRequest& request);

  // The next frame; nothing at the connection's end. A frame of kError is a failure. `patient`: it
  // may take any time, else ten seconds.
  absl::StatusOr<std::optional<ControlDecoder::Frame>> Next(bool patient, Progress* progress);
  // The frame that must be an answer.
  absl::StatusOr<Json> Answer(bool patient, Progress* progress);

 private:
  Connection(std::string node, UniqueFd fd)
      : node_(std::move(node)), fd_(std::move(fd)), decoder_(kControlMaxAnswer) {}

  std::string node_;
  UniqueFd fd_;
  ControlDecoder decoder_;
};

// For the user: why there is no connection to `node`.
absl::Status NoNode(const std::string& node, NodePresence presence);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_CLIENT_CONNECTION_H_
