// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_SESSION_H_
#define BULKHEAD_CLI_NODE_SESSION_H_

#include <chrono>
#include <optional>
#include <string>

#include "cli/agent_decoder.h"
#include "cli/node_decoder.h"
#include "cli/node_log.h"
#include "cli/node_machine.h"
#include "cli/output_sink.h"

namespace bulkhead {

struct SessionOptions {
  std::string command;   // what the container executes, for messages
  bool verbose = false;  // logs of node and kernel on stderr
  bool trace = false;    // the node's log only
  bool gdb = false;      // nothing is too slow
  uint32_t timeout = 0;  // seconds the container may run; 0: any
  int stdin_fd = 0;
  int stdout_fd = 1;
  int stderr_fd = 2;
  std::chrono::milliseconds boot_limit = std::chrono::seconds(180);
  std::chrono::milliseconds grace = std::chrono::seconds(10);     // between a signal and the end
  std::chrono::milliseconds end_limit = std::chrono::seconds(5);  // for the node to power off
};

struct SessionResult {
  int exit_status = 125;
  std::string error;  // a line for the user; empty: none
};

// Drives a started node with one pod until the pod has ended: output and exit status to us, input
// and signals to it. One thread, one poll(2) loop.
class NodeSession final : private NodeFrameHandler, private AgentHandler {
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

  void OnAgentHello() override {}
  void OnStarted() override;
  void OnStdout(std::span<const std::byte> bytes) override;
  void OnStderr(std::span<const std::byte> bytes) override;
  void OnExited(uint32_t status) override;
  void OnFailed(uint32_t status, const std::string& text) override;
  void OnAgentLog(const std::string& line) override;
  void OnStdinCredit(uint32_t bytes) override;

  void Step();
  int PollTimeout() const;
  bool Done() const;
  bool Ended() const { return ended_; }
  // Fixes the result, the first time only; from then on the node has end_limit to power off.
  void End(int exit_status, const std::string& error);
  void StopPod();
  void CheckDeadlines();
  void TakeSignal(int signal);
  void ReadChannel();
  void ReadLog(UniqueFd* fd, NodeLog* log);
  void ReadStdin();
  void SendToAgent(const std::string& message);
  void FlushToNode();
  void MachineEnded();
  std::string EarlyDeath() const;

  NodeMachine* const machine_;
  const SessionOptions options_;
  const RunContext context_;
  NodeFrameDecoder node_decoder_;
  AgentDecoder agent_decoder_;
  OutputSink out_;
  OutputSink err_;
  NodeLog serial_log_;
  NodeLog console_log_;
  NodeLog machine_log_;

  std::string to_agent_;  // messages that wait for credit
  std::string to_node_;   // frames that wait for the socket
  uint64_t agent_credit_ = kNodeInitialCredit;
  uint64_t stdin_credit_ = kAgentInitialStdinCredit;
  bool hello_ = false;
  bool started_ = false;
  bool stdin_open_ = true;
  bool machine_gone_ = false;
  int signal_ = 0;  // the first that came
  bool stop_sent_ = false;
  bool ended_ = false;
  SessionResult result_;            // once ended_
  Clock::time_point end_deadline_;  // likewise
  std::optional<Clock::time_point> boot_deadline_;
  std::optional<Clock::time_point> run_deadline_;
  std::optional<Clock::time_point> kill_deadline_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_SESSION_H_
