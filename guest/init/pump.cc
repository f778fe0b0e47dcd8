// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/pump.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "guest/init/files.h"

namespace bulkhead {
namespace {

// With its header, a message of output is as long as what the kernel's virtio-console driver takes
// in one write.
constexpr size_t kOutputChunk = 32 * 1024 - sizeof(AgentHeader);
constexpr size_t kInputChunk = 32 * 1024;
constexpr size_t kInputLimit = kAgentInitialStdinCredit;

// What asks a process to end, and does so by default.
bool Ends(int signal) { return signal == SIGHUP || signal == SIGINT || signal == SIGTERM; }

std::string StatusOf(pid_t pid) {
  std::string text;
  (void)ReadFile("/proc/" + std::to_string(pid) + "/status", 16 * 1024, &text);
  return text;
}

int EndingSignal(int status, int fatal_signal) {
  const int signal = WTERMSIG(status);
  return signal == SIGKILL && fatal_signal != 0 ? fatal_signal : signal;
}

void CloseFd(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

}  // namespace

Pump::Pump(AgentChannel* channel, int child_signal, const Container& container)
    : channel_(channel), child_signal_(child_signal), container_(container), parser_(this) {}

Pump::~Pump() {
  CloseFd(&container_.stdin_fd);
  CloseFd(&container_.stdout_fd);
  CloseFd(&container_.stderr_fd);
}

void Pump::GrantCredit(size_t bytes) {
  credit_ += static_cast<uint32_t>(bytes);
  if (credit_ >= kAgentInitialStdinCredit / 4 && !stdin_ended_) {
    channel_->Send(AgentMessage::kStdinCredit, credit_);
    credit_ = 0;
  }
}

void Pump::CloseStdin() {
  CloseFd(&container_.stdin_fd);
  // Nobody will read it; the host goes on as if somebody had.
  GrantCredit(input_.size() - input_written_);
  input_.clear();
  input_written_ = 0;
}

void Pump::OnStdin(std::span<const uint8_t> bytes) {
  if (container_.stdin_fd < 0) return GrantCredit(bytes.size());
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

void Pump::OnStdinEnd() {
  stdin_ended_ = true;
  if (input_written_ == input_.size()) CloseStdin();
}

void Pump::OnSignal(int signal) {
  // The process is init's child and not reaped yet: its number cannot be somebody else's.
  if (ended_) return;
  if (Ends(signal) && SignalLeftAtDefault(StatusOf(container_.pid), signal)) {
    // Anywhere else this would have ended it.
    fatal_signal_ = signal;
    signal = SIGKILL;
  }
  kill(container_.pid, signal);
}

void Pump::WriteStdin() {
  while (input_written_ < input_.size()) {
    const ssize_t n =
        write(container_.stdin_fd, input_.data() + input_written_, input_.size() - input_written_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return CloseStdin();  // EPIPE: the container has closed its end
    input_written_ += static_cast<size_t>(n);
    GrantCredit(static_cast<size_t>(n));
  }
  input_.clear();
  input_written_ = 0;
  if (stdin_ended_) CloseStdin();
}

void Pump::ReadOutput(int* fd, AgentMessage type) {
  uint8_t bytes[kOutputChunk];
  const ssize_t n = read(*fd, bytes, sizeof(bytes));
  if (n > 0) {
    channel_->Send(type, {bytes, static_cast<size_t>(n)});
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    CloseFd(fd);
  }
}

bool Pump::ReadPort() {
  uint8_t bytes[kInputChunk];
  const ssize_t n = read(channel_->fd(), bytes, sizeof(bytes));
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;  // the host has closed its end
  (void)parser_.Feed({bytes, static_cast<size_t>(n)});
  return true;
}

void Pump::Reap() {
  signalfd_siginfo drained;
  while (read(child_signal_, &drained, sizeof(drained)) > 0) {
  }
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != container_.pid || ended_) continue;
    ended_ = true;
    exit_status_ = static_cast<uint32_t>(
        WIFSIGNALED(status) ? 128 + EndingSignal(status, fatal_signal_) : WEXITSTATUS(status));
  }
}

MaybeFailure Pump::Step(int timeout_ms) {
  if (!channel_->Write()) return InternalFailure("the host has closed the agent channel");
  // Index by purpose; a negative descriptor is ignored by poll(2).
  enum { kPort, kChild, kIn, kOut, kErr, kCount };
  pollfd fds[kCount] = {};
  fds[kPort].fd = channel_->fd();
  // A broken stream is not read on; what is to be said about it can still be written.
  if (parser_.error() == nullptr && input_.size() - input_written_ < kInputLimit) {
    fds[kPort].events |= POLLIN;
  }
  if (channel_->pending()) fds[kPort].events |= POLLOUT;
  fds[kChild] = {child_signal_, POLLIN, 0};
  fds[kIn] = {input_written_ < input_.size() ? container_.stdin_fd : -1, POLLOUT, 0};
  const bool room = channel_->has_room();
  fds[kOut] = {room ? container_.stdout_fd : -1, POLLIN, 0};
  fds[kErr] = {room ? container_.stderr_fd : -1, POLLIN, 0};
  const int ready = poll(fds, kCount, timeout_ms);
  timed_out_ = ready == 0;
  if (ready < 0) {
    return errno == EINTR ? MaybeFailure() : ErrnoFailure("cannot wait for the container");
  }

  if (fds[kChild].revents) Reap();
  if (fds[kIn].revents) WriteStdin();
  if (fds[kPort].revents & POLLIN) {
    if (!ReadPort()) return InternalFailure("the host has closed the agent channel");
    if (parser_.error() != nullptr) {
      return InternalFailure(std::string("bad message from the host: ") + parser_.error());
    }
  } else if (fds[kPort].revents & (POLLHUP | POLLERR)) {
    return InternalFailure("the host has closed the agent channel");
  }
  if (fds[kOut].revents) ReadOutput(&container_.stdout_fd, AgentMessage::kStdout);
  if (fds[kErr].revents) ReadOutput(&container_.stderr_fd, AgentMessage::kStderr);
  return {};
}

MaybeFailure Pump::Run(const std::function<void()>& on_container_end, uint32_t* exit_status) {
  // The process may have ended before SIGCHLD was looked for.
  Reap();
  while (!ended_) BULKHEAD_RETURN_IF_FAILED(Step(-1));
  CloseStdin();
  on_container_end();
  while (container_.stdout_fd >= 0 || container_.stderr_fd >= 0) {
    BULKHEAD_RETURN_IF_FAILED(Step(-1));
  }
  *exit_status = exit_status_;
  return {};
}

bool Pump::Finish(uint32_t timeout_ms) {
  while (channel_->Write()) {
    if (!channel_->pending() && end_seen_) return true;
    // While there is something to write the host decides how long it takes.
    const bool all_written = !channel_->pending();
    if (Step(all_written ? static_cast<int>(timeout_ms) : -1).has_value()) break;
    if (all_written && timed_out_) return true;
  }
  return !channel_->pending();
}

}  // namespace bulkhead
