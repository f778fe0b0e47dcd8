// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_session.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr int kTickMs = 200;
constexpr size_t kStdinChunk = 16 * 1024;  // bytes
constexpr char kFatal[] = "bulkhead: fatal: ";
constexpr char kSeeLog[] = "; --verbose shows the log";

std::string WithText(const std::string& what, const std::string& text) {
  const std::string line = Printable(text);
  return line.empty() ? what : what + ": " + line;
}

}  // namespace

NodeSession::NodeSession(NodeMachine* machine, const SessionOptions& options,
                         const RunContext& context)
    : machine_(machine),
      options_(options),
      context_(context),
      node_decoder_(this),
      agent_decoder_(this),
      out_(options.stdout_fd),
      err_(options.stderr_fd),
      serial_log_([this](const std::string& line) {
        if (options_.verbose || options_.trace) err_.AppendLine("node: " + line);
      }),
      console_log_([this](const std::string& line) {
        if (options_.verbose) err_.AppendLine("kernel: " + line);
      }),
      machine_log_([this](const std::string& line) {
        if (options_.verbose) err_.AppendLine("machine: " + line);
      }) {}

SessionResult NodeSession::Run() {
  // A reader that goes away must not end us before the pod has been stopped.
  signal(SIGPIPE, SIG_IGN);
  if (!options_.gdb) boot_deadline_ = Clock::now() + options_.boot_limit;
  while (!Done()) Step();
  return result_;
}

bool NodeSession::Done() const {
  if (!Ended() || out_.pending() || err_.pending()) return false;
  return machine_gone_ || Clock::now() >= end_deadline_;
}

int NodeSession::PollTimeout() const {
  auto wait = std::chrono::milliseconds(60'000);
  if (context_.progress != nullptr && !started_) wait = std::chrono::milliseconds(kTickMs);
  const Clock::time_point now = Clock::now();
  // Past that deadline only slow readers of our output are waited for; poll tells when they read.
  if (Ended() && now >= end_deadline_) return kTickMs;
  const auto until = [&](Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
    wait = std::clamp(left + std::chrono::milliseconds(1), std::chrono::milliseconds(0), wait);
  };
  if (Ended()) until(end_deadline_);
  for (const auto& deadline : {boot_deadline_, run_deadline_, kill_deadline_}) {
    if (deadline.has_value()) until(*deadline);
  }
  return static_cast<int>(wait.count());
}

void NodeSession::Step() {
  enum { kChannel, kSerial, kErrors, kSignals, kProcess, kStdin, kStdout, kStderr, kCount };
  pollfd fds[kCount];
  for (pollfd& fd : fds) fd = {-1, 0, 0};
  const bool full = out_.full() || err_.full();
  if (machine_->channel.valid()) {
    const bool write = !to_node_.empty();
    if (!full || write) {
      fds[kChannel] = {machine_->channel.get(),
                       static_cast<int16_t>((full ? 0 : POLLIN) | (write ? POLLOUT : 0)), 0};
    }
  }
  if (!err_.full()) {
    fds[kSerial] = {machine_->serial.get(), POLLIN, 0};
    fds[kErrors] = {machine_->errors.get(), POLLIN, 0};
  }
  if (context_.signals != nullptr) fds[kSignals] = {context_.signals->fd(), POLLIN, 0};
  // Its end counts once everything it said has been read.
  if (!machine_gone_ && !machine_->channel.valid() && !machine_->serial.valid()) {
    fds[kProcess] = {machine_->process.pidfd(), POLLIN, 0};
  }
  if (started_ && stdin_open_ && !Ended() && to_agent_.empty() && stdin_credit_ > 0 &&
      agent_credit_ > 2 * sizeof(AgentHeader)) {
    fds[kStdin] = {options_.stdin_fd, POLLIN, 0};
  }
  if (out_.pending()) fds[kStdout] = {out_.fd(), POLLOUT, 0};
  if (err_.pending()) fds[kStderr] = {err_.fd(), POLLOUT, 0};

  const int ready = poll(fds, kCount, PollTimeout());
  if (context_.progress != nullptr) context_.progress->Tick();
  CheckDeadlines();
  if (ready <= 0) return;

  if (fds[kSignals].revents != 0) {
    if (const std::optional<int> signal = context_.signals->Take()) TakeSignal(*signal);
  }
  if ((fds[kChannel].revents & POLLOUT) != 0) FlushToNode();
  if ((fds[kChannel].revents & ~POLLOUT) != 0) ReadChannel();
  if (fds[kSerial].revents != 0) ReadLog(&machine_->serial, &serial_log_);
  if (fds[kErrors].revents != 0) ReadLog(&machine_->errors, &machine_log_);
  if (fds[kProcess].revents != 0) MachineEnded();
  if (fds[kStdin].revents != 0) ReadStdin();
  for (OutputSink* sink : {&out_, &err_}) {
    if (fds[sink == &out_ ? kStdout : kStderr].revents == 0) continue;
    if (context_.progress != nullptr) context_.progress->Finish();
    sink->Write();
    if (sink->broken() && !Ended()) {
      // What a program that writes to a closed pipe gets; its reader knows why.
      StopPod();
      End(128 + SIGPIPE, "");
    }
  }
}

void NodeSession::End(int exit_status, const std::string& error) {
  if (Ended()) return;
  ended_ = true;
  result_ = SessionResult{exit_status, error};
  boot_deadline_.reset();
  run_deadline_.reset();
  kill_deadline_.reset();
  end_deadline_ = Clock::now() + options_.end_limit;
}

void NodeSession::StopPod() {
  if (stop_sent_ || !hello_) return;
  stop_sent_ = true;
  to_node_ += EncodeNodeFrame(NodeFrameType::kPodStop, 0, "");
  FlushToNode();
}

void NodeSession::CheckDeadlines() {
  const Clock::time_point now = Clock::now();
  if (run_deadline_.has_value() && now >= *run_deadline_) {
    StopPod();
    End(kExitOwnError, "the container ran longer than " + std::to_string(options_.timeout) +
                           " s and was stopped; give --timeout more seconds if it needs them");
  }
  if (kill_deadline_.has_value() && now >= *kill_deadline_) {
    StopPod();
    End(128 + signal_, "");
  }
  if (boot_deadline_.has_value() && now >= *boot_deadline_) {
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(options_.boot_limit);
    StopPod();
    End(kExitOwnError, std::string(hello_ ? "the pod" : "the node") + " did not start within " +
                           std::to_string(limit.count()) + " s" + kSeeLog);
  }
}

void NodeSession::TakeSignal(int signal) {
  if (Ended()) {
    // Whoever asks again does not want to wait for an orderly end.
    end_deadline_ = Clock::now();
    return;
  }
  if (signal_ == 0 && started_) {
    signal_ = signal;
    SendToAgent(EncodeAgentMessage(AgentMessage::kSignal, static_cast<uint32_t>(signal)));
    kill_deadline_ = Clock::now() + options_.grace;
    return;
  }
  if (signal_ == 0) signal_ = signal;
  StopPod();
  End(128 + signal, "");
  if (!hello_) end_deadline_ = Clock::now();  // nobody is there to stop anything
}

void NodeSession::ReadChannel() {
  std::byte buffer[64 * 1024];
  const ssize_t n = recv(machine_->channel.get(), buffer, sizeof(buffer), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    machine_->channel.reset();
    return;
  }
  if (node_decoder_.Feed(std::span(buffer).first(static_cast<size_t>(n)))) {
    to_node_ += node_decoder_.TakeAcknowledgement();
    FlushToNode();
    return;
  }
  if (!Ended()) {
    End(kExitOwnError, "the node's channel is broken: " + node_decoder_.error() + kSeeLog);
  }
  end_deadline_ = Clock::now();
  machine_->channel.reset();
}

void NodeSession::ReadLog(UniqueFd* fd, NodeLog* log) {
  std::byte buffer[8192];
  const ssize_t n = read(fd->get(), buffer, sizeof(buffer));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    log->Finish();
    fd->reset();
    return;
  }
  log->Feed(std::span(buffer).first(static_cast<size_t>(n)));
}

void NodeSession::ReadStdin() {
  char buffer[kStdinChunk];
  const uint64_t room = std::min(agent_credit_ - sizeof(AgentHeader), stdin_credit_);
  const ssize_t n =
      read(options_.stdin_fd, buffer, static_cast<size_t>(std::min<uint64_t>(room, kStdinChunk)));
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) {
    stdin_open_ = false;
    SendToAgent(EncodeAgentMessage(AgentMessage::kStdinEnd, std::string()));
    return;
  }
  stdin_credit_ -= static_cast<uint64_t>(n);
  SendToAgent(
      EncodeAgentMessage(AgentMessage::kStdin, std::string(buffer, static_cast<size_t>(n))));
}

void NodeSession::SendToAgent(const std::string& message) {
  to_agent_ += message;
  FlushToNode();
}

void NodeSession::FlushToNode() {
  while (!to_agent_.empty() && agent_credit_ > 0) {
    const uint64_t n = std::min<uint64_t>({to_agent_.size(), agent_credit_, kNodeFrameMaxPayload});
    to_node_ += EncodeNodeFrame(NodeFrameType::kAgentInput, 0, to_agent_.substr(0, n));
    to_agent_.erase(0, n);
    agent_credit_ -= n;
  }
  while (!to_node_.empty() && machine_->channel.valid()) {
    const ssize_t n = send(machine_->channel.get(), to_node_.data(), to_node_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;  // full: poll tells; closed: reading tells
    to_node_.erase(0, static_cast<size_t>(n));
  }
}

void NodeSession::MachineEnded() {
  machine_gone_ = true;
  machine_->process.Wait();
  serial_log_.Finish();
  machine_log_.Finish();
  End(kExitOwnError, EarlyDeath());
}

std::string NodeSession::EarlyDeath() const {
  if (const std::string fatal = serial_log_.Find(kFatal); !fatal.empty()) {
    return "the node failed: " + fatal.substr(sizeof(kFatal) - 1) + kSeeLog;
  }
  const std::optional<int> status = machine_->process.Poll();
  if (const std::string error = machine_log_.Find(machine_->failure_mark);
      !hello_ && !error.empty()) {
    return std::string(machine_->name) +
           " failed: " + error.substr(std::strlen(machine_->failure_mark));
  }
  std::string how;
  if (status.has_value() && WIFSIGNALED(*status)) {
    how = " (signal " + std::to_string(WTERMSIG(*status)) + ")";
  } else if (status.has_value() && WEXITSTATUS(*status) != 0) {
    how = " (exit status " + std::to_string(WEXITSTATUS(*status)) + ")";
  }
  return "the node ended before its pod did" + how + kSeeLog;
}

void NodeSession::OnNodeHello(uint32_t version, uint32_t pods) {
  hello_ = true;
  if (version != kNodeProtocolVersion || pods != 1) {
    End(kExitOwnError,
        "the node speaks another protocol version or has other pods; build it again "
        "with 'bazel build //cli:bulkhead'");
    end_deadline_ = Clock::now();
    return;
  }
  if (context_.progress != nullptr) context_.progress->Step("starting the pod");
  if (Ended()) StopPod();
}

void NodeSession::OnAgentOutput(uint16_t pod, std::span<const std::byte> bytes) {
  if (pod != 0 || agent_decoder_.Feed(bytes) || Ended()) return;
  StopPod();
  End(kExitOwnError, "the pod's guest broke the agent protocol (" + agent_decoder_.error() +
                         ") and was stopped" + kSeeLog);
}

void NodeSession::OnConsole(uint16_t pod, std::span<const std::byte> bytes) {
  if (pod == 0) console_log_.Feed(bytes);
}

void NodeSession::OnLog(uint16_t, const std::string& line) {
  if (options_.verbose || options_.trace) err_.AppendLine("node: " + Printable(line, 1000));
}

void NodeSession::OnAgentCredit(uint16_t pod, uint32_t bytes) {
  if (pod != 0) return;
  agent_credit_ += bytes;
  FlushToNode();
}

void NodeSession::OnPodEnded(uint16_t pod, PodEnd end, const std::string& text) {
  if (pod != 0 || Ended()) return;
  std::string what;
  switch (end) {
    case PodEnd::kPoweredOff:
      what = WithText("the guest powered off before its container had ended", text);
      break;
    case PodEnd::kReset: {
      console_log_.Finish();
      const std::string panic = console_log_.Find("Kernel panic");
      what = WithText("the guest's kernel gave up", panic.empty() ? text : panic);
      break;
    }
    case PodEnd::kGuestFault:
      what = WithText("the guest did what ends a guest", text);
      break;
    case PodEnd::kVmmFailed:
      what = WithText("the pod's VMM failed", text);
      break;
    case PodEnd::kNotStarted:
      what = WithText("the pod could not be started", text);
      break;
    case PodEnd::kStopped:
      if (signal_ != 0) {
        End(128 + signal_, "");
        return;
      }
      what = WithText("the pod was stopped", text);
      break;
  }
  End(kExitOwnError, what + kSeeLog);
}

void NodeSession::OnNodeError(const std::string& text) {
  End(kExitOwnError, WithText("the node cannot go on", text) + kSeeLog);
}

void NodeSession::OnStarted() {
  started_ = true;
  boot_deadline_.reset();
  if (context_.progress != nullptr) context_.progress->Finish();
  if (options_.timeout > 0) run_deadline_ = Clock::now() + std::chrono::seconds(options_.timeout);
  if (isatty(options_.stdin_fd) == 1) {
    // A terminal is not passed on; the container sees an empty input.
    stdin_open_ = false;
    SendToAgent(EncodeAgentMessage(AgentMessage::kStdinEnd, std::string()));
  }
}

void NodeSession::OnStdout(std::span<const std::byte> bytes) { out_.Append(bytes); }

void NodeSession::OnStderr(std::span<const std::byte> bytes) { err_.Append(bytes); }

void NodeSession::OnExited(uint32_t status) {
  SendToAgent(EncodeAgentMessage(AgentMessage::kEnd, std::string()));
  End(static_cast<int>(status), "");
}

void NodeSession::OnFailed(uint32_t status, const std::string& text) {
  SendToAgent(EncodeAgentMessage(AgentMessage::kEnd, std::string()));
  const char* advice = status == 127   ? "; name a command that is in the image"
                       : status == 126 ? "; name a command that may be executed"
                                       : kSeeLog;
  std::string what = Printable(text);
  // crun does not always say which file it could not execute.
  const bool command = status == 126 || status == 127;
  if (command && text.find(options_.command) == std::string::npos) {
    what = "'" + Printable(options_.command) + "': " + what;
  }
  End(static_cast<int>(status), what + advice);
}

void NodeSession::OnAgentLog(const std::string& line) {
  if (options_.verbose) err_.AppendLine("init: " + Printable(line, 1000));
}

void NodeSession::OnStdinCredit(uint32_t bytes) { stdin_credit_ += bytes; }

}  // namespace bulkhead
