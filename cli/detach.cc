// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/detach.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "cli/failure.h"
#include "cli/signals.h"

namespace bulkhead {

void Detachment::Complete(const std::string& errors) {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY));
  UniqueFd file(open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  if (null.valid()) (void)dup2(null.get(), STDIN_FILENO);
  const int out = file.valid() ? file.get() : null.get();
  if (out >= 0) {
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(out, STDERR_FILENO);
  }
  prctl(PR_SET_PDEATHSIG, 0);
  const char done = 1;
  [[maybe_unused]] const ssize_t n = write(starter_.get(), &done, sizeof(done));
  starter_.reset();
}

absl::StatusOr<std::optional<int>> StartDetached(const std::function<int(Detachment*)>& stay) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoFailure("cannot make a pipe", errno);
  UniqueFd ours(fds[0]);
  UniqueFd theirs(fds[1]);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return ErrnoFailure("cannot start another process", errno);
  if (child == 0) {
    ours.reset();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(kExitOwnError);  // it ended before the line above
    setsid();
    Detachment detachment(std::move(theirs));
    exit(stay(&detachment));
  }
  theirs.reset();
  BULKHEAD_ASSIGN_OR_RETURN(SignalWatcher signals, SignalWatcher::Create());
  for (;;) {
    pollfd wait[] = {{ours.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    if (poll(wait, 2, -1) < 0) continue;
    if (wait[1].revents != 0) {
      if (const std::optional<int> signal = signals.Take()) kill(child, *signal);
    }
    if (wait[0].revents == 0) continue;
    char done;
    if (read(ours.get(), &done, sizeof(done)) == sizeof(done)) return std::optional<int>();
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

}  // namespace bulkhead
