// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_POD_SESSION_H_
#define BULKHEAD_CLI_POD_SESSION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/agent_decoder.h"
#include "cli/node_log.h"
#include "cli/output_sink.h"
#include "cli/pod_request.h"
#include "control/node_frame.h"

namespace bulkhead {

struct SessionContainer {
  std::string name;
  std::string prefix;   // of every line of output; empty: the bytes as they are
  std::string command;  // what it executes, for messages
  bool init = false;    // it runs to its end before the next starts
};

struct SessionPod {
  std::string name;
  std::vector<SessionContainer> containers;  // at least one, as their numbers are
  RestartPolicy restart = RestartPolicy::kNever;
  std::chrono::seconds timeout{0};          // that the pod may run; 0: any time
  std::string timeout_advice;               // what to do about it
  std::chrono::milliseconds grace{10'000};  // between a signal and the end
};

// How a container, or a whole session, ended.
struct SessionResult {
  int exit_status = 125;
  std::string error;  // a line for the user; empty: none
};

class PodSession;

// Where pods' sessions live: the connection to the node.
class PodSessionHost {
 public:
  virtual void SendToNode(NodeFrameType type, uint16_t pod, const std::string& payload) = 0;
  // A line for whoever asked for logs.
  virtual void Log(const PodSession& pod, const std::string& line) = 0;
  // A line of output of a container that has a prefix, without its end and the prefix.
  virtual void OnLine(const PodSession& pod, size_t container, bool is_stderr,
                      const std::string& line) = 0;
  // For the first time since the pod was started.
  virtual void OnContainerStarted(const PodSession& pod) = 0;
  // A container has ended, or could not be started; its init may start it again.
  virtual void OnContainerEnded(const PodSession& pod, size_t container,
                                const SessionResult& result) = 0;
  // pod.result() is there. It stays, unless the pod is started again.
  virtual void OnPodResult(const PodSession& pod) = 0;

 protected:
  ~PodSessionHost() = default;
};

// One pod of a node, as whoever drives the node sees it: what its agent says and is told, from the
// node's hello to the pod's last end.
class PodSession final : private AgentHandler {
 public:
  using Clock = std::chrono::steady_clock;

  PodSession(uint16_t index, SessionPod pod, PodSessionHost* host, OutputSink* out,
             OutputSink* err);

  // What the node says about this pod.
  void OnAgentOutput(std::span<const std::byte> bytes);
  void OnConsole(std::span<const std::byte> bytes) { console_.Feed(bytes); }
  void OnAgentCredit(uint32_t bytes);
  void OnPodEnded(PodEnd end, const std::string& text);

  // To the containers, if some run; at the grace period's end the pod is stopped. The second time,
  // or before the first runs: at once. Nothing is started again.
  void Signal(int signal);
  // For good: as Signal does at first, with this grace period instead of the pod's own if there is
  // one; later it can only become shorter.
  void AskToEnd(std::optional<std::chrono::milliseconds> grace);
  // Stops the pod, with this result unless there is one. It is not started again.
  void Stop(int exit_status, const std::string& error);
  void SendStop();

  // Bytes of standard input that may be given now; 0: none, or the container does not run.
  uint64_t InputRoom() const;
  void SendInput(std::span<const char> bytes);
  void EndInput();

  // Call when time has passed; NextDeadline says when at the latest.
  void CheckDeadlines();
  std::optional<Clock::time_point> NextDeadline() const;

  const SessionPod& pod() const { return pod_; }
  uint16_t index() const { return index_; }
  bool started() const { return started_; }
  const std::optional<SessionResult>& result() const { return result_; }
  // Whether the result is a container's, which OnContainerEnded has told.
  bool result_is_told() const { return result_is_told_; }
  bool leaving() const { return leaving_; }
  bool gone() const { return ended_; }  // so the node says: nothing of it is left there
  // Of its containers, and of the pod as a whole.
  uint32_t restarts() const { return all_restarts_; }
  // There is a result, and nothing more will run.
  bool over() const { return result_.has_value() && !WillRestart(); }

 private:
  void OnAgentHello() override {}
  void OnStarted(size_t container) override;
  void OnStdout(size_t container, std::span<const std::byte> bytes) override {
    Output(container, false, bytes);
  }
  void OnStderr(size_t container, std::span<const std::byte> bytes) override {
    Output(container, true, bytes);
  }
  void OnExited(size_t container, uint32_t status) override;
  void OnFailed(size_t container, uint32_t status, const std::string& text) override;
  void OnPodFailed(uint32_t status, const std::string& text) override;
  void OnPodEnded() override;
  void OnAgentLog(const std::string& line) override;
  void OnStdinCredit(uint32_t bytes) override { stdin_credit_ += bytes; }

  struct ContainerState {
    std::string out_line;  // an unfinished line, when lines have a prefix
    std::string err_line;
    std::optional<SessionResult> result;  // of its last end
    uint64_t end_order = 0;               // of that end, among all ends of the pod
  };

  void Output(size_t container, bool is_stderr, std::span<const std::byte> bytes);
  void FlushLines(size_t container);
  void EndContainer(size_t container, int exit_status, const std::string& error);
  void SendToAgent(const std::string& message);
  void Flush();
  // Fixes the result, the first time only.
  void End(int exit_status, const std::string& error);
  bool WillRestart() const;
  void Restart();

  const uint16_t index_;
  const SessionPod pod_;
  PodSessionHost* const host_;
  OutputSink* const out_;
  OutputSink* const err_;
  std::vector<ContainerState> states_;
  uint64_t container_ends_ = 0;
  NodeLog console_;
  std::optional<AgentDecoder> agent_;

  std::string to_agent_;  // messages that wait for credit
  uint64_t agent_credit_ = kNodeInitialCredit;
  uint64_t stdin_credit_ = kAgentInitialStdinCredit;
  bool started_ = false;
  bool ended_ = false;  // so the node says
  bool stop_sent_ = false;
  bool leaving_ = false;  // asked to stop for good
  int signal_ = 0;        // the first that came
  std::optional<SessionResult> result_;
  bool result_is_told_ = false;
  bool done_ = false;      // the guest says that all of its containers have ended for good
  uint32_t restarts_ = 0;  // since it last ran for long
  uint32_t all_restarts_ = 0;
  std::optional<Clock::time_point> started_at_;
  std::optional<Clock::time_point> run_deadline_;
  std::optional<Clock::time_point> kill_deadline_;
  std::optional<Clock::time_point> end_deadline_;      // of the guest, once there is a result
  std::optional<Clock::time_point> restart_deadline_;  // when it starts again
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_POD_SESSION_H_
