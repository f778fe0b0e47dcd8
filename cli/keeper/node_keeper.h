// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_KEEPER_NODE_KEEPER_H_
#define BULKHEAD_CLI_KEEPER_NODE_KEEPER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "cli/keeper/control_server.h"
#include "cli/keeper/node_home.h"
#include "cli/keeper/ring_log.h"
#include "cli/node_session.h"
#include "cli/session_watcher.h"

namespace bulkhead {

// Makes a node one that can be talked to, by its name: keeps the logs of its pods and answers
// requests about them. The name is taken from Create on.
class NodeKeeper final : public SessionWatcher {
 public:
  // `on_started`: called once, when all pods have started: from then on the node stays until it is
  // asked to go. Empty: its session is another's, and ends when that one says.
  static absl::StatusOr<std::unique_ptr<NodeKeeper>> Create(
      const std::string& name, std::function<void(const NodeHome&)> on_started);

  absl::Status OnSession(NodeSession* session) override;
  void AddDescriptors(std::vector<pollfd>* fds) override { server_->AddDescriptors(fds); }
  void Handle(std::span<const pollfd> fds) override;
  void OnLine(const PodSession& pod, size_t container, bool is_stderr,
              const std::string& line) override;
  void OnNodeLine(const std::string& line) override;
  void OnPodResult(const PodSession& pod) override;
  void OnStats(const NodeStats& node, std::span<const PodStats> pods) override;

 private:
  using Clock = std::chrono::steady_clock;

  NodeKeeper(std::string name, std::function<void(const NodeHome&)> on_started, NodeHome home)
      : name_(std::move(name)), on_started_(std::move(on_started)), home_(std::move(home)) {}

  void CheckStart();
  void Serve(ControlClient* client);
  void ServeLogs(ControlClient* client);
  void ServeStop(ControlClient* client);
  Json Status() const;
  std::string PodStatus(const PodSession& pod) const;
  // Null: there is none, and the client has been told.
  const PodSession* FindPod(ControlClient* client, const std::string& name) const;
  bool CheckContainer(ControlClient* client, const PodSession& pod) const;

  const std::string name_;
  std::function<void(const NodeHome&)> on_started_;
  const Clock::time_point created_ = Clock::now();
  NodeSession* session_ = nullptr;
  std::vector<RingLog> logs_;  // of the pods, then of the node
  std::optional<ControlServer> server_;
  // Goes before the connections: who waits for their end finds the name free.
  NodeHome home_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KEEPER_NODE_KEEPER_H_
