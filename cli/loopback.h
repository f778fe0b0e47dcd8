// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_LOOPBACK_H_
#define BULKHEAD_CLI_LOOPBACK_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

namespace bulkhead {

// A TCP port of this machine alone, for a child that can speak over nothing else. Anybody on this
// machine can connect to it: only the child's connection is taken.
class LoopbackListener {
 public:
  static absl::StatusOr<LoopbackListener> Create();

  int fd() const { return fd_.get(); }  // readable when somebody has connected
  uint16_t port() const { return port_; }

  // Takes the next connection; invalid if there is none yet, or it is not one of process `pid`.
  // Non-blocking, sends at once.
  UniqueFd Accept(pid_t pid);

 private:
  LoopbackListener(UniqueFd fd, uint16_t port) : fd_(std::move(fd)), port_(port) {}

  UniqueFd fd_;
  uint16_t port_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_LOOPBACK_H_
