// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_CONTAINER_H_
#define BULKHEAD_GUEST_INIT_CONTAINER_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "guest/init/failure.h"

namespace bulkhead {

// A running container. Its process is a child of the caller. The descriptors are the caller's ends
// of its standard streams, non-blocking; the caller owns them. stdin_fd is -1 if its input is
// empty.
struct Container {
  pid_t pid = -1;
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
};

// Has crun create and start the container of a bundle (OCI runtime-spec 1.0, bundle.md) under the
// name `id` and returns when its process runs. The caller is PID 1, or else must be a child
// subreaper, for the process to become its child. `has_stdin`: it has an input; else an empty one.
MaybeFailure StartContainer(const std::string& id, const std::string& bundle, bool has_stdin,
                            Container* out);

// Has crun forget a container whose process has ended, and take its cgroup away.
void DeleteContainer(const std::string& id);

// Whether a signal to the container's process would be lost. `status` is the text of
// /proc/PID/status. The first process of a PID namespace gets none that it has left at its default
// action, has not blocked and does not ignore on purpose (pid_namespaces(7)).
bool SignalLeftAtDefault(std::string_view status, int signal);

// What a log that crun wrote with --log-format=json says about why it could not start a container,
// with the status podman gives it: 127 if the command does not exist, 126 if it cannot be
// executed, 125 otherwise. `status` is crun's exit status as waitpid(2) gave it.
Failure FailureFromCrunLog(std::string_view log, int status);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_CONTAINER_H_
