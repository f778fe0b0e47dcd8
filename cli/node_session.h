// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_SESSION_H_
#define BULKHEAD_CLI_NODE_SESSION_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/node_decoder.h"
#include "cli/node_log.h"
#include "cli/node_machine.h"
#include "cli/output_sink.h"
#include "cli/pod_session.h"
#include "cli/session_watcher.h"

namespace bulkhead {

struct SessionOptions {
  std::vector<SessionPod> pods;  // in the bundle's order
  // Each pod's end is told as it comes, and the result is that of the first that failed. For one
  // pod alone its result is everything.
  bool several = false;
  bool verbose = false;  // logs of node and kernel on stderr
  bool trace = false;    // the node's log only
  bool gdb = false;      // nothing is too slow
  int stdin_fd = 0;      // of the first pod's container; -1: it has none
  int stdout_fd = 1;
  int stderr_fd = 2;
  // Whoever takes part; outlives the session. Null: nobody.
  SessionWatcher* watcher = nullptr;
  // The pods' output is for the watcher alone, and their ends do not end the session.
  bool detached = false;
  std::chrono::milliseconds boot_limit = std::chrono::seconds(180);  // for each pod
  std::chrono::milliseconds end_limit = std::chrono::seconds(5);     // for the node to power off
};

// Drives a started node until its pods have ended for good: output and results to us, input and
// signals to them. One thread, one poll(2) loop.
class NodeSession final : private NodeFrameHandler, private PodSessionHost {
 public:
  NodeSession(NodeMachine* machine, const SessionOptions& options, const RunContext& context);

  SessionResult Run();

  // For the watcher.
  const std::vector<std::unique_ptr<PodSession>>& pods() const { return pods_; }
  bool hello() const { return hello_; }      // the node has booted
  bool ended() const { return ended_; }      // for whatever reason: there is a result
  bool leaving() const { return leaving_; }  // it has been asked to end
  const SessionResult& result() const { return result_; }
  bool AllStarted() const;
  // From now on the session outlives its node and its pods, until it is asked to end, by a
  // signal too.
  void Keep() { kept_ = true; }
  // Ends the session.
  void Fail(int exit_status, const std::string& error);
  // Asks all pods to end, then ends. The grace period is theirs unless there is another.
  void Leave(std::optional<uint64_t> grace_seconds);
  void AskToEnd(uint16_t pod, std::optional<uint64_t> grace_seconds);
  void AskStats() { SendToNode(NodeFrameType::kStatsRequest, 0, ""); }

 private:
  using Clock = std::chrono::steady_clock;

  void OnNodeHello(uint32_t version, uint32_t pods) override;
  void OnAgentOutput(uint16_t pod, std::span<const std::byte> bytes) override;
  void OnConsole(uint16_t pod, std::span<const std::byte> bytes) override;
  void OnLog(uint16_t pod, const std::string& line) override;
  void OnAgentCredit(uint16_t pod, uint32_t bytes) override;
  void OnPodEnded(uint16_t pod, PodEnd end, const std::string& text) override;
  void OnStats(const NodeStats& node, std::span<const PodStats> pods) override;
  void OnNodeEnded() override {}
  void OnNodeError(const std::string& text) override;

  void SendToNode(NodeFrameType type, uint16_t pod, const std::string& payload) override;
  void Log(const PodSession& pod, const std::string& line) override;
  void OnLine(const PodSession& pod, size_t container, bool is_stderr,
              const std::string& line) override;
  void OnContainerStarted(const PodSession& pod) override;
  void OnContainerEnded(const PodSession& pod, size_t container,
                        const SessionResult& result) override;
  void OnPodResult(const PodSession& pod) override;

  void Step();
  void HandleDescriptors(std::span<const pollfd> fds);
  int PollTimeout() const;
  bool Done() const;
  bool Ended() const { return ended_; }
  // A line on stderr if it is `shown`, and for the watcher.
  void Tell(const std::string& line, bool shown);
  // Fixes the result, the first time only; from then on the node has end_limit to power off.
  void End(int exit_status, const std::string& error);
  // What a pod or a container ended with, if several run.
  void TellEnd(const std::string& whose, const SessionResult& result);
  // Ends when every pod has a result that stays.
  void EndWithPods();
  void StopPods();
  void CheckDeadlines();
  void TakeSignal(int signal);
  void ReadChannel();
  void ReadLog(UniqueFd* fd, NodeLog* log);
  void ReadStdin();
  void FlushToNode();
  void MachineEnded();
  std::string EarlyDeath() const;
  PodSession* Find(uint16_t pod) { return pod < pods_.size() ? pods_[pod].get() : nullptr; }

  NodeMachine* const machine_;
  const SessionOptions options_;
  const RunContext context_;
  NodeFrameDecoder node_decoder_;
  OutputSink out_;
  OutputSink err_;
  NodeLog serial_log_;
  NodeLog machine_log_;
  std::vector<std::unique_ptr<PodSession>> pods_;

  std::string to_node_;  // frames that wait for the socket
  bool hello_ = false;
  bool stdin_open_;
  bool machine_gone_ = false;
  bool leaving_ = false;
  bool kept_ = false;
  int signal_ = 0;  // the first that came
  bool ended_ = false;
  SessionResult result_;                        // once ended_
  std::optional<SessionResult> first_failure_;  // of the pods that stay ended
  Clock::time_point end_deadline_;              // once ended_
  std::optional<Clock::time_point> boot_deadline_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_SESSION_H_
