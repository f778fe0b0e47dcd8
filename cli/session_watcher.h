// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_SESSION_WATCHER_H_
#define BULKHEAD_CLI_SESSION_WATCHER_H_

#include <poll.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/pod_session.h"
#include "control/node_stats.h"

namespace bulkhead {

class NodeSession;

// Takes part in a session: sees what is said, and may command it. All calls come from the session's
// loop.
class SessionWatcher {
 public:
  // Before all other calls. A failure ends the run.
  virtual absl::Status OnSession(NodeSession* session) = 0;
  // What to wait for besides; Handle is called after every wait with what became of them.
  virtual void AddDescriptors(std::vector<pollfd>* fds) = 0;
  virtual void Handle(std::span<const pollfd> fds) = 0;
  // A container's line, without its end.
  virtual void OnLine(const PodSession& pod, size_t container, bool is_stderr,
                      const std::string& line) = 0;
  // A line about the node or a pod, from wherever: what --verbose shows, and more.
  virtual void OnNodeLine(const std::string& line) = 0;
  virtual void OnPodResult(const PodSession& pod) = 0;
  virtual void OnStats(const NodeStats& node, std::span<const PodStats> pods) = 0;

 protected:
  ~SessionWatcher() = default;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_SESSION_WATCHER_H_
