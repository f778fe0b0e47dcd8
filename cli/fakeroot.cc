// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/fakeroot.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "cli/failure.h"

namespace bulkhead {
namespace {

std::string FindLibrary() {
  std::string found;
  for (const char* const pattern : {"/usr/lib/*/libfakeroot/libfakeroot-sysv.so",
                                    "/usr/lib64/libfakeroot/libfakeroot-sysv.so"}) {
    glob_t matches;
    if (glob(pattern, 0, nullptr, &matches) == 0 && matches.gl_pathc > 0) {
      found = matches.gl_pathv[0];
    }
    globfree(&matches);
    if (!found.empty()) break;
  }
  return found;
}

absl::Status Missing() {
  return Failure("fakeroot is not installed; install the package fakeroot");
}

}  // namespace

absl::StatusOr<FakeRoot> FakeRoot::Start() {
  const std::string library = FindLibrary();
  if (library.empty()) return Missing();
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoFailure("cannot make a pipe", errno);
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  Command command;
  command.arguments = {"faked-sysv", "--foreground"};
  command.descriptors = {{write_end.get(), STDOUT_FILENO}};
  // Not SIGKILL: it has System V message queues to remove.
  command.death_signal = SIGTERM;
  absl::StatusOr<ChildProcess> daemon = ChildProcess::Start(command);
  if (absl::IsNotFound(daemon.status())) return Missing();
  if (!daemon.ok()) return daemon.status();
  write_end.reset();
  // It says "KEY:PID", and its queues exist from then on.
  std::string line;
  while (line.find(':') == std::string::npos) {
    char chunk[64];
    pollfd ready = {read_end.get(), POLLIN, 0};
    const ssize_t n = poll(&ready, 1, 10'000) > 0 ? read(read_end.get(), chunk, sizeof(chunk)) : 0;
    if (n <= 0) return Failure("fakeroot's daemon (faked) does not start; is System V IPC there?");
    line.append(chunk, static_cast<size_t>(n));
  }
  return FakeRoot(*std::move(daemon), {"FAKEROOTKEY=" + line.substr(0, line.find(':')),
                                       "LD_PRELOAD=" + library, "FAKED_MODE=unknown-is-root",
                                       // In a user namespace the real chown(2) may fail in a way
                                       // that fakeroot does not expect.
                                       "FAKEROOTDONTTRYCHOWN=1"});
}

FakeRoot::~FakeRoot() {
  if (daemon_.pid() < 0) return;
  daemon_.Signal(SIGTERM);
  pollfd end = {daemon_.pidfd(), POLLIN, 0};
  (void)poll(&end, 1, 2000);
}

}  // namespace bulkhead
