// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/pod_session.h"

#include <signal.h>

#include <algorithm>
#include <array>

#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr char kSeeLog[] = "; --verbose shows the log";
// How long a guest may take to power off once its container has ended.
constexpr std::chrono::seconds kEndLimit(5);
constexpr size_t kMaxLine = 64 * 1024;  // bytes

std::string WithText(const std::string& what, const std::string& text) {
  const std::string line = Printable(text);
  return line.empty() ? what : what + ": " + line;
}

}  // namespace

PodSession::PodSession(uint16_t index, SessionPod pod, PodSessionHost* host, OutputSink* out,
                       OutputSink* err)
    : index_(index),
      pod_(std::move(pod)),
      host_(host),
      out_(out),
      err_(err),
      states_(pod_.containers.size()),
      console_([this](const std::string& line) { host_->Log(*this, "kernel: " + line); }),
      agent_(std::in_place, static_cast<AgentHandler*>(this), pod_.containers.size()) {}

void PodSession::OnAgentOutput(std::span<const std::byte> bytes) {
  if (agent_->Feed(bytes) || result_.has_value()) return;
  SendStop();
  End(kExitOwnError, "the pod's guest broke the agent protocol (" + agent_->error() +
                         ") and was stopped" + kSeeLog);
}

void PodSession::OnAgentCredit(uint32_t bytes) {
  agent_credit_ += bytes;
  Flush();
}

void PodSession::OnPodEnded(PodEnd end, const std::string& text) {
  ended_ = true;
  end_deadline_.reset();
  if (!result_.has_value()) {
    std::string what;
    switch (end) {
      case PodEnd::kPoweredOff:
        what = WithText(pod_.containers.size() > 1
                            ? "the guest powered off before its containers had ended"
                            : "the guest powered off before its container had ended",
                        text);
        break;
      case PodEnd::kReset: {
        console_.Finish();
        const std::string panic = console_.Find("Kernel panic");
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
        what = WithText("the pod was stopped", text);
        break;
    }
    if (end == PodEnd::kStopped && signal_ != 0) {
      End(128 + signal_, "");
    } else {
      End(kExitOwnError, what + kSeeLog);
    }
  }
  if (!WillRestart()) return;
  const std::chrono::seconds back_off = BackOff(restarts_);
  restart_deadline_ = Clock::now() + back_off;
  host_->Log(*this, "starts again in " + std::to_string(back_off.count()) + " s");
}

void PodSession::Signal(int signal) {
  leaving_ = true;
  restart_deadline_.reset();
  if (result_.has_value()) return;
  if (signal_ == 0 && started_) {
    signal_ = signal;
    SendToAgent(EncodeAgentMessage(AgentMessage::kSignal, static_cast<uint32_t>(signal)));
    kill_deadline_ = Clock::now() + pod_.grace;
    return;
  }
  if (signal_ == 0) signal_ = signal;
  SendStop();
  End(128 + signal, "");
}

void PodSession::AskToEnd(std::optional<std::chrono::milliseconds> grace) {
  const bool first = signal_ == 0;
  if (first || result_.has_value()) Signal(SIGTERM);
  if (!kill_deadline_.has_value() || !grace.has_value()) return;
  const Clock::time_point deadline = Clock::now() + *grace;
  kill_deadline_ = first ? deadline : std::min(*kill_deadline_, deadline);
}

void PodSession::Stop(int exit_status, const std::string& error) {
  leaving_ = true;
  restart_deadline_.reset();
  SendStop();
  End(exit_status, error);
}

void PodSession::SendStop() {
  if (stop_sent_ || ended_) return;
  stop_sent_ = true;
  host_->SendToNode(NodeFrameType::kPodStop, index_, "");
}

uint64_t PodSession::InputRoom() const {
  if (!started_ || result_.has_value() || !to_agent_.empty()) return 0;
  if (agent_credit_ <= 2 * sizeof(AgentHeader)) return 0;
  return std::min(agent_credit_ - sizeof(AgentHeader), stdin_credit_);
}

void PodSession::SendInput(std::span<const char> bytes) {
  stdin_credit_ -= bytes.size();
  SendToAgent(EncodeAgentMessage(AgentMessage::kStdin, std::string(bytes.data(), bytes.size())));
}

void PodSession::EndInput() {
  SendToAgent(EncodeAgentMessage(AgentMessage::kStdinEnd, std::string()));
}

void PodSession::CheckDeadlines() {
  const Clock::time_point now = Clock::now();
  const auto due = [&](std::optional<Clock::time_point>& deadline) {
    if (!deadline.has_value() || now < *deadline) return false;
    deadline.reset();
    return true;
  };
  if (due(run_deadline_)) {
    const std::string what = pod_.containers.size() > 1 ? "the pod" : "the container";
    Stop(kExitOwnError, what + " ran longer than " + std::to_string(pod_.timeout.count()) +
                            " s and was stopped" + pod_.timeout_advice);
  }
  if (due(kill_deadline_)) Stop(128 + signal_, "");
  if (due(end_deadline_)) SendStop();
  if (due(restart_deadline_)) Restart();
}

std::optional<PodSession::Clock::time_point> PodSession::NextDeadline() const {
  std::optional<Clock::time_point> next;
  for (const auto& deadline : {run_deadline_, kill_deadline_, end_deadline_, restart_deadline_}) {
    if (deadline.has_value() && (!next.has_value() || *deadline < *next)) next = deadline;
  }
  return next;
}

void PodSession::OnStarted(size_t container) {
  if (states_[container].result.has_value()) ++all_restarts_;
  if (started_) return;
  started_ = true;
  started_at_ = Clock::now();
  if (pod_.timeout.count() > 0 && !leaving_) run_deadline_ = *started_at_ + pod_.timeout;
  host_->OnContainerStarted(*this);
}

void PodSession::EndContainer(size_t container, int exit_status, const std::string& error) {
  ContainerState& state = states_[container];
  FlushLines(container);
  state.result = SessionResult{exit_status, error};
  state.end_order = ++container_ends_;
  host_->OnContainerEnded(*this, container, *state.result);
}

void PodSession::OnExited(size_t container, uint32_t status) {
  EndContainer(container, static_cast<int>(status), "");
}

void PodSession::OnFailed(size_t container, uint32_t status, const std::string& text) {
  const char* advice = status == 127   ? "; name a command that is in the image"
                       : status == 126 ? "; name a command that may be executed"
                                       : kSeeLog;
  std::string what = Printable(text);
  // crun does not always say which file it could not execute.
  const std::string& executed = pod_.containers[container].command;
  const bool command = status == 126 || status == 127;
  if (command && text.find(executed) == std::string::npos) {
    what = "'" + Printable(executed) + "': " + what;
  }
  EndContainer(container, static_cast<int>(status), what + advice);
}

void PodSession::OnPodFailed(uint32_t status, const std::string& text) {
  SendToAgent(EncodeAgentMessage(AgentMessage::kEnd, std::string()));
  End(static_cast<int>(status), Printable(text) + kSeeLog);
}

void PodSession::OnPodEnded() {
  SendToAgent(EncodeAgentMessage(AgentMessage::kEnd, std::string()));
  done_ = true;
  // Of those that failed for good, the first.
  const ContainerState* first = nullptr;
  for (const ContainerState& state : states_) {
    if (!state.result.has_value() || state.result->exit_status == 0) continue;
    if (first == nullptr || state.end_order < first->end_order) first = &state;
  }
  result_is_told_ = true;
  End(first != nullptr ? first->result->exit_status : 0,
      first != nullptr ? first->result->error : "");
}

void PodSession::OnAgentLog(const std::string& line) {
  host_->Log(*this, "init: " + Printable(line, 1000));
}

void PodSession::Output(size_t container, bool is_stderr, std::span<const std::byte> bytes) {
  if (pod_.containers[container].prefix.empty()) return (is_stderr ? err_ : out_)->Append(bytes);
  ContainerState& state = states_[container];
  std::string* const line = is_stderr ? &state.err_line : &state.out_line;
  for (const std::byte byte : bytes) {
    const char c = static_cast<char>(byte);
    if (c != '\n') line->push_back(c);
    if (c != '\n' && line->size() < kMaxLine) continue;
    host_->OnLine(*this, container, is_stderr, *line);
    line->clear();
  }
}

void PodSession::FlushLines(size_t container) {
  ContainerState& state = states_[container];
  for (std::string* line : {&state.out_line, &state.err_line}) {
    if (!line->empty()) host_->OnLine(*this, container, line == &state.err_line, *line);
    line->clear();
  }
}

void PodSession::SendToAgent(const std::string& message) {
  to_agent_ += message;
  Flush();
}

void PodSession::Flush() {
  while (!to_agent_.empty() && agent_credit_ > 0) {
    const uint64_t n = std::min<uint64_t>({to_agent_.size(), agent_credit_, kNodeFrameMaxPayload});
    host_->SendToNode(NodeFrameType::kAgentInput, index_, to_agent_.substr(0, n));
    to_agent_.erase(0, n);
    agent_credit_ -= n;
  }
}

void PodSession::End(int exit_status, const std::string& error) {
  if (result_.has_value()) return;
  result_ = SessionResult{exit_status, error};
  run_deadline_.reset();
  kill_deadline_.reset();
  end_deadline_ = Clock::now() + kEndLimit;
  for (size_t i = 0; i < states_.size(); ++i) FlushLines(i);
  host_->OnPodResult(*this);
}

bool PodSession::WillRestart() const {
  // Init starts containers again; this is for pods whose guest has ended otherwise.
  return !leaving_ && !done_ && StartsAgain(pod_.restart, result_->exit_status != 0);
}

void PodSession::Restart() {
  const bool ran_long = started_at_.has_value() && Clock::now() - *started_at_ >= kBackOffReset;
  restarts_ = ran_long ? 0 : restarts_ + 1;
  ++all_restarts_;
  agent_.emplace(static_cast<AgentHandler*>(this), pod_.containers.size());
  for (ContainerState& state : states_) state = {};
  to_agent_.clear();
  agent_credit_ = kNodeInitialCredit;
  stdin_credit_ = kAgentInitialStdinCredit;
  started_ = ended_ = stop_sent_ = result_is_told_ = false;
  started_at_.reset();
  result_.reset();
  host_->SendToNode(NodeFrameType::kPodStart, index_, "");
}

}  // namespace bulkhead
