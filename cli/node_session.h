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
  std::chrono::milliseconds boot_limit = std::chrono::seconds(180);  // for each pod
  std::chrono::milliseconds end_limit = std::chrono::seconds(5);     // for the node to power off
};

// Drives a started node until its pods have ended for good: output and results to us, input and
// signals to them. One thread, one poll(2) loop.
class NodeSession final : private NodeFrameHandler, private PodSessionHost {
 public:
  NodeSession(NodeMachine* machine, const SessionOptions& options, const RunContext& context);

  SessionResult Run();

 private:
  using Clock = std::chrono::steady_clock;

  void OnNodeHello(uint32_t version, uint32_t pods) override;
  void OnAgentOutput(uint16_t pod, std::span<const std::byte> bytes) override;
  void OnConsole(uint16_t pod, std::span<const std::byte> bytes) override;
  void OnLog(uint16_t pod, const std::string& line) override;
  void OnAgentCredit(uint16_t pod, uint32_t bytes) override;
  void OnPodEnded(uint16_t pod, PodEnd end, const std::string& text) override;
  void OnNodeEnded() override {}
  void OnNodeError(const std::string& text) override;

  void SendToNode(NodeFrameType type, uint16_t pod, const std::string& payload) override;
  void Log(const PodSession& pod, const std::string& line) override;
  void OnContainerStarted(const PodSession& pod) override;
  void OnContainerEnded(const PodSession& pod, size_t container,
                        const SessionResult& result) override;
  void OnPodResult(const PodSession& pod) override;

  void Step();
  int PollTimeout() const;
  bool Done() const;
  bool Ended() const { return ended_; }
  bool AllStarted() const;
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
  int signal_ = 0;  // the first that came
  bool ended_ = false;
  SessionResult result_;                        // once ended_
  std::optional<SessionResult> first_failure_;  // of the pods that stay ended
  Clock::time_point end_deadline_;              // once ended_
  std::optional<Clock::time_point> boot_deadline_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_SESSION_H_
