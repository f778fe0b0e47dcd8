// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/signals.h"

#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>

#include "cli/failure.h"

namespace bulkhead {

absl::StatusOr<SignalWatcher> SignalWatcher::Create() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action;
    // What was ignored when we were started (nohup) stays ignored.
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    sigaddset(&set, signal);
  }
  sigprocmask(SIG_BLOCK, &set, nullptr);
  UniqueFd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd.valid()) return ErrnoFailure("cannot watch for signals", errno);
  return SignalWatcher(std::move(fd));
}

std::optional<int> SignalWatcher::Take() {
  signalfd_siginfo info;
  if (read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace bulkhead
