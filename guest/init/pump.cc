// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/pump.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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

Pump::Pump(AgentChannel* channel, int child_signal)
    : channel_(channel), child_signal_(child_signal), parser_(this) {}

Pump::~Pump() {
  CloseFd(&stdin_fd_);
  for (Running& running : running_) {
    CloseFd(&running.container.stdout_fd);
    CloseFd(&running.container.stderr_fd);
  }
}

void Pump::Add(uint8_t number, const Container& container) {
  if (container.stdin_fd >= 0) {
    CloseFd(&stdin_fd_);
    stdin_fd_ = container.stdin_fd;
    // What has come so far, and its end.
    WriteStdin();
  }
  running_.push_back({.number = number, .container = container});
  // The process may have ended before anybody looked for SIGCHLD.
  Reap();
}

void Pump::GrantCredit(size_t bytes) {
  credit_ += static_cast<uint32_t>(bytes);
  if (credit_ >= kAgentInitialStdinCredit / 4 && !stdin_ended_) {
    channel_->Send(AgentMessage::kStdinCredit, 0, credit_);
    credit_ = 0;
  }
}

void Pump::CloseStdin() {
  CloseFd(&stdin_fd_);
  // Nobody will read it; the host goes on as if somebody had.
  GrantCredit(input_.size() - input_written_);
  input_.clear();
  input_written_ = 0;
}

void Pump::OnStdin(std::span<const uint8_t> bytes) {
  if (stdin_fd_ < 0) return GrantCredit(bytes.size());
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

void Pump::OnStdinEnd() {
  stdin_ended_ = true;
  if (input_written_ == input_.size()) CloseStdin();
}

void Pump::OnSignal(int signal) {
  signalled_ = true;
  for (Running& running : running_) {
    // The process is init's child and not reaped yet: its number cannot be somebody else's.
    if (running.ended) continue;
    const pid_t pid = running.container.pid;
    if (Ends(signal) && SignalLeftAtDefault(StatusOf(pid), signal)) {
      // Anywhere else this would have ended it.
      running.fatal_signal = signal;
      kill(pid, SIGKILL);
    } else {
      kill(pid, signal);
    }
  }
}

void Pump::WriteStdin() {
  while (input_written_ < input_.size()) {
    const ssize_t n =
        write(stdin_fd_, input_.data() + input_written_, input_.size() - input_written_);
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

void Pump::ReadOutput(const Running& from, int* fd, AgentMessage type) {
  if (*fd < 0) return;
  uint8_t bytes[kOutputChunk];
  const ssize_t n = read(*fd, bytes, sizeof(bytes));
  if (n > 0) {
    channel_->Send(type, from.number, {bytes, static_cast<size_t>(n)});
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR) || (errno == EAGAIN && from.ended)) {
    // All processes of a container are gone with its first (pid_namespaces(7)), so an empty pipe
    // stays empty, even if the container has given its end to a neighbour.
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
    const auto found = std::find_if(running_.begin(), running_.end(), [pid](const Running& one) {
      return one.container.pid == pid && !one.ended;
    });
    if (found == running_.end()) continue;
    found->ended = true;
    found->status =
        static_cast<uint32_t>(WIFSIGNALED(status) ? 128 + EndingSignal(status, found->fatal_signal)
                                                  : WEXITSTATUS(status));
    if (found->container.stdin_fd >= 0) CloseStdin();
  }
}

std::optional<Pump::Ended> Pump::TakeEnded() {
  const auto found = std::find_if(running_.begin(), running_.end(), [](const Running& one) {
    return one.ended && one.container.stdout_fd < 0 && one.container.stderr_fd < 0;
  });
  if (found == running_.end()) return std::nullopt;
  const Ended out = {found->number, found->status};
  running_.erase(found);
  return out;
}

bool Pump::HasRemains() const {
  return std::any_of(running_.begin(), running_.end(),
                     [](const Running& running) { return running.ended; });
}

MaybeFailure Pump::ServePort(int16_t events) {
  if (events & POLLIN) {
    if (!ReadPort()) return InternalFailure("the host has closed the agent channel");
    if (parser_.error() != nullptr) {
      return InternalFailure(std::string("bad message from the host: ") + parser_.error());
    }
  } else if (events & (POLLHUP | POLLERR)) {
    return InternalFailure("the host has closed the agent channel");
  }
  return {};
}

MaybeFailure Pump::Step(int timeout_ms) {
  if (!channel_->Write()) return InternalFailure("the host has closed the agent channel");
  // By purpose, then two for each container; a negative descriptor is ignored by poll(2).
  enum { kPort, kChild, kIn, kOutputs };
  pollfd fds[kOutputs + 2 * kAgentMaxContainers] = {};
  fds[kPort].fd = channel_->fd();
  // A broken stream is not read on; what is to be said about it can still be written.
  if (parser_.error() == nullptr && input_.size() - input_written_ < kInputLimit) {
    fds[kPort].events |= POLLIN;
  }
  if (channel_->pending()) fds[kPort].events |= POLLOUT;
  fds[kChild] = {child_signal_, POLLIN, 0};
  fds[kIn] = {input_written_ < input_.size() ? stdin_fd_ : -1, POLLOUT, 0};
  const bool room = channel_->has_room();
  nfds_t count = kOutputs;
  for (const Running& running : running_) {
    fds[count++] = {room ? running.container.stdout_fd : -1, POLLIN, 0};
    fds[count++] = {room ? running.container.stderr_fd : -1, POLLIN, 0};
  }
  const int ready = poll(fds, count, room && HasRemains() ? 0 : timeout_ms);
  timed_out_ = ready == 0;
  if (ready < 0) {
    return errno == EINTR ? MaybeFailure() : ErrnoFailure("cannot wait for the container");
  }

  // Before others come or go. One chunk of each: none holds up another.
  for (size_t i = 0; room && i < running_.size(); ++i) {
    Running& from = running_[i];
    const pollfd* const both = fds + kOutputs + 2 * i;
    if (both[0].revents || from.ended) {
      ReadOutput(from, &from.container.stdout_fd, AgentMessage::kStdout);
    }
    if (both[1].revents || from.ended) {
      ReadOutput(from, &from.container.stderr_fd, AgentMessage::kStderr);
    }
  }
  if (fds[kChild].revents) Reap();
  if (fds[kIn].revents) WriteStdin();
  return ServePort(fds[kPort].revents);
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
