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

// What a session waits for itself.
enum { kChannel, kSerial, kErrors, kSignals, kProcess, kStdin, kStdout, kStderr, kCount };

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
      out_(options.stdout_fd),
      err_(options.stderr_fd),
      serial_log_([this](const std::string& line) {
        Tell("node: " + line, options_.verbose || options_.trace);
      }),
      machine_log_([this](const std::string& line) { Tell("machine: " + line, options_.verbose); }),
      stdin_open_(options.stdin_fd >= 0) {
  for (const SessionPod& pod : options.pods) {
    const auto index = static_cast<uint16_t>(pods_.size());
    PodSessionHost* const host = this;
    pods_.push_back(std::make_unique<PodSession>(index, pod, host, &out_, &err_));
  }
}

SessionResult NodeSession::Run() {
  // A reader that goes away must not end us before the pod has been stopped.
  signal(SIGPIPE, SIG_IGN);
  if (options_.watcher != nullptr) {
    if (const absl::Status status = options_.watcher->OnSession(this); !status.ok()) {
      return {kExitOwnError, std::string(status.message())};
    }
  }
  if (!options_.gdb) boot_deadline_ = Clock::now() + options_.boot_limit * pods_.size();
  while (!Done()) Step();
  return result_;
}

bool NodeSession::Done() const {
  if (!Ended() || out_.pending() || err_.pending()) return false;
  if (kept_ && !leaving_) return false;
  return machine_gone_ || Clock::now() >= end_deadline_;
}

int NodeSession::PollTimeout() const {
  auto wait = std::chrono::milliseconds(60'000);
  if (context_.progress != nullptr && !AllStarted()) wait = std::chrono::milliseconds(kTickMs);
  const Clock::time_point now = Clock::now();
  // Past that deadline only slow readers of our output are waited for; poll tells when they read.
  if (Ended() && now >= end_deadline_ && !kept_) return kTickMs;
  const auto until = [&](Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
    wait = std::clamp(left + std::chrono::milliseconds(1), std::chrono::milliseconds(0), wait);
  };
  if (Ended() && !machine_gone_) until(end_deadline_);
  if (boot_deadline_.has_value()) until(*boot_deadline_);
  for (const auto& pod : pods_) {
    if (const auto deadline = pod->NextDeadline(); deadline.has_value()) until(*deadline);
  }
  return static_cast<int>(wait.count());
}

void NodeSession::Step() {
  std::vector<pollfd> fds(kCount, pollfd{-1, 0, 0});
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
  if (stdin_open_ && pods_[0]->InputRoom() > 0) {
    fds[kStdin] = {options_.stdin_fd, POLLIN, 0};
  }
  if (out_.pending()) fds[kStdout] = {out_.fd(), POLLOUT, 0};
  if (err_.pending()) fds[kStderr] = {err_.fd(), POLLOUT, 0};

  if (options_.watcher != nullptr) options_.watcher->AddDescriptors(&fds);

  const int ready = poll(fds.data(), fds.size(), PollTimeout());
  if (context_.progress != nullptr) context_.progress->Tick();
  CheckDeadlines();
  if (ready > 0) HandleDescriptors(fds);
  if (options_.watcher != nullptr && ready >= 0) {
    options_.watcher->Handle(std::span(fds).subspan(kCount));
  }
}

void NodeSession::HandleDescriptors(std::span<const pollfd> fds) {
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
      StopPods();
      End(128 + SIGPIPE, "");
    }
  }
}

void NodeSession::End(int exit_status, const std::string& error) {
  if (Ended()) return;
  ended_ = true;
  result_ = SessionResult{exit_status, error};
  boot_deadline_.reset();
  end_deadline_ = Clock::now() + options_.end_limit;
  if (hello_) SendToNode(NodeFrameType::kNodeLeave, 0, "");
}

void NodeSession::Fail(int exit_status, const std::string& error) {
  StopPods();
  End(exit_status, error);
}

void NodeSession::Leave(std::optional<uint64_t> grace_seconds) {
  leaving_ = true;
  if (!hello_) {
    End(128 + SIGTERM, "");
    end_deadline_ = Clock::now();  // nobody is there to stop anything
    return;
  }
  for (const auto& pod : pods_) AskToEnd(pod->index(), grace_seconds);
}

void NodeSession::AskToEnd(uint16_t pod, std::optional<uint64_t> grace_seconds) {
  std::optional<std::chrono::milliseconds> grace;
  if (grace_seconds.has_value()) grace = std::chrono::seconds(*grace_seconds);
  pods_[pod]->AskToEnd(grace);
  EndWithPods();
}

void NodeSession::EndWithPods() {
  if (options_.detached && !leaving_) return;
  for (const auto& pod : pods_) {
    if (!pod->over()) return;
  }
  const SessionResult ended = first_failure_.value_or(SessionResult{0, ""});
  if (signal_ != 0 && options_.several) {
    End(128 + signal_, "");
  } else {
    // Of several, each one's error has been told.
    End(ended.exit_status, options_.several ? "" : ended.error);
  }
}

void NodeSession::StopPods() {
  if (!hello_) return;
  for (const auto& pod : pods_) pod->SendStop();
}

void NodeSession::Tell(const std::string& line, bool shown) {
  if (options_.watcher != nullptr) options_.watcher->OnNodeLine(line);
  if (shown && !kept_) err_.AppendLine(line);
}

bool NodeSession::AllStarted() const {
  return std::all_of(pods_.begin(), pods_.end(),
                     [](const auto& pod) { return pod->started() || pod->result().has_value(); });
}

void NodeSession::CheckDeadlines() {
  if (!Ended()) {
    for (const auto& pod : pods_) pod->CheckDeadlines();
  }
  // Nobody else ends the machine of a session that stays.
  if (kept_ && Ended() && !machine_gone_ && Clock::now() >= end_deadline_) {
    machine_->process.Signal(SIGKILL);
  }
  if (boot_deadline_.has_value() && Clock::now() >= *boot_deadline_) {
    const auto limit =
        std::chrono::duration_cast<std::chrono::seconds>(options_.boot_limit * pods_.size());
    StopPods();
    End(kExitOwnError, std::string(hello_ ? "the pod" : "the node") + " did not start within " +
                           std::to_string(limit.count()) + " s" + kSeeLog);
  }
}

void NodeSession::TakeSignal(int signal) {
  leaving_ = true;
  if (Ended()) {
    // Whoever asks again does not want to wait for an orderly end.
    end_deadline_ = Clock::now();
    return;
  }
  if (signal_ == 0) signal_ = signal;
  if (!hello_) {
    End(128 + signal, "");
    end_deadline_ = Clock::now();  // nobody is there to stop anything
    return;
  }
  // Of several, each is asked as Kubernetes asks.
  for (const auto& pod : pods_) pod->Signal(options_.several ? SIGTERM : signal);
  EndWithPods();
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
  const uint64_t room = std::min<uint64_t>(pods_[0]->InputRoom(), kStdinChunk);
  if (room == 0) return;
  const ssize_t n = read(options_.stdin_fd, buffer, static_cast<size_t>(room));
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) {
    stdin_open_ = false;
    pods_[0]->EndInput();
    return;
  }
  pods_[0]->SendInput({buffer, static_cast<size_t>(n)});
}

void NodeSession::SendToNode(NodeFrameType type, uint16_t pod, const std::string& payload) {
  to_node_ += EncodeNodeFrame(type, pod, payload);
  FlushToNode();
}

void NodeSession::FlushToNode() {
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
  if (version != kNodeProtocolVersion || pods != pods_.size()) {
    End(kExitOwnError,
        "the node speaks another protocol version or has other pods; build it again "
        "with 'bazel build //cli:bulkhead'");
    end_deadline_ = Clock::now();
    return;
  }
  if (context_.progress != nullptr) {
    context_.progress->Step(options_.several ? "starting the pods" : "starting the pod");
  }
  if (Ended()) StopPods();
}

void NodeSession::OnAgentOutput(uint16_t pod, std::span<const std::byte> bytes) {
  if (PodSession* const session = Find(pod); session != nullptr) session->OnAgentOutput(bytes);
}

void NodeSession::OnConsole(uint16_t pod, std::span<const std::byte> bytes) {
  if (PodSession* const session = Find(pod); session != nullptr) session->OnConsole(bytes);
}

void NodeSession::OnLog(uint16_t, const std::string& line) {
  Tell("node: " + Printable(line, 1000), options_.verbose || options_.trace);
}

void NodeSession::OnAgentCredit(uint16_t pod, uint32_t bytes) {
  if (PodSession* const session = Find(pod); session != nullptr) session->OnAgentCredit(bytes);
}

void NodeSession::OnPodEnded(uint16_t pod, PodEnd end, const std::string& text) {
  if (PodSession* const session = Find(pod); session != nullptr && !Ended()) {
    session->OnPodEnded(end, text);
  }
}

void NodeSession::OnStats(const NodeStats& node, std::span<const PodStats> pods) {
  if (options_.watcher != nullptr) options_.watcher->OnStats(node, pods);
}

void NodeSession::OnLine(const PodSession& pod, size_t container, bool is_stderr,
                         const std::string& line) {
  if (options_.watcher != nullptr) options_.watcher->OnLine(pod, container, is_stderr, line);
  if (options_.detached) return;
  (is_stderr ? err_ : out_).AppendLine(pod.pod().containers[container].prefix + line);
}

void NodeSession::OnNodeError(const std::string& text) {
  End(kExitOwnError, WithText("the node cannot go on", text) + kSeeLog);
}

void NodeSession::Log(const PodSession& pod, const std::string& line) {
  Tell((options_.several ? pod.pod().name + ": " : "") + line, options_.verbose);
}

void NodeSession::OnContainerStarted(const PodSession& pod) {
  if (AllStarted()) boot_deadline_.reset();
  if (context_.progress != nullptr) context_.progress->Finish();
  if (pod.index() != 0 || options_.stdin_fd < 0) return;
  // A terminal is not passed on; the container sees an empty input.
  if (isatty(options_.stdin_fd) == 1) stdin_open_ = false;
  if (!stdin_open_) pods_[0]->EndInput();
}

void NodeSession::TellEnd(const std::string& whose, const SessionResult& result) {
  // Who asked them to end knows why they did.
  if (!options_.several || (result.error.empty() && (result.exit_status == 0 || signal_ != 0))) {
    return;
  }
  Tell("bulkhead: " + whose + ": " +
           (result.error.empty() ? "exit status " + std::to_string(result.exit_status)
                                 : result.error),
       !options_.detached);
}

void NodeSession::OnContainerEnded(const PodSession& pod, size_t container,
                                   const SessionResult& result) {
  const std::vector<SessionContainer>& all = pod.pod().containers;
  TellEnd("pod " + pod.pod().name +
              (all.size() > 1 ? ": container " + all[container].name : std::string()),
          result);
}

void NodeSession::OnPodResult(const PodSession& pod) {
  const SessionResult& result = *pod.result();
  if (options_.watcher != nullptr) options_.watcher->OnPodResult(pod);
  if (!pod.result_is_told()) TellEnd("pod " + pod.pod().name, result);
  if (AllStarted()) boot_deadline_.reset();
  if (!pod.over()) return;
  if (!first_failure_.has_value() && (result.exit_status != 0 || !result.error.empty())) {
    first_failure_ = result;
  }
  EndWithPods();
}

}  // namespace bulkhead
