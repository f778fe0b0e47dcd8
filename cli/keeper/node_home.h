// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_KEEPER_NODE_HOME_H_
#define BULKHEAD_CLI_KEEPER_NODE_HOME_H_

// Where a node that can be talked to is found: a directory by its name, which whoever keeps the
// node holds locked (flock(2)), with the control socket in it. A lock goes with its process, so
// what a killed one has left is known for what it is.

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

namespace bulkhead {

// Whether it may be a node's name: a DNS label, as a pod's.
absl::Status CheckNodeName(const std::string& name);

// $XDG_RUNTIME_DIR/bulkhead, else /tmp/bulkhead-UID: ours alone, or a failure. Made if it is not
// there.
absl::StatusOr<std::string> RuntimeDirectory();

class NodeHome {
 public:
  // Fails if a process that lives has it, or another thing is in the way.
  static absl::StatusOr<NodeHome> Claim(const std::string& name);
  NodeHome(NodeHome&& other) noexcept
      : path_(std::exchange(other.path_, "")), lock_(std::move(other.lock_)) {}
  NodeHome& operator=(NodeHome&&) = delete;
  ~NodeHome();  // removes it

  const std::string& path() const { return path_; }
  // A socket that listens there; non-blocking. Once.
  absl::StatusOr<UniqueFd> Listen() const;

 private:
  NodeHome(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;
};

enum class NodePresence {
  kNone,
  kStarting,  // somebody has claimed the name, and does not listen yet
  kKept,
  kGone,  // whoever kept it was killed; what was left is removed by asking
};
// Connects to the node if it is kept.
absl::StatusOr<NodePresence> ConnectToNode(const std::string& name, UniqueFd* connection);

// Names in the runtime directory, sorted, whatever has become of them.
absl::StatusOr<std::vector<std::string>> NodeNames();

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KEEPER_NODE_HOME_H_
