// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_SIGNALS_H_
#define BULKHEAD_CLI_SIGNALS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

namespace bulkhead {

// Turns SIGINT, SIGTERM and SIGHUP of this process into something to poll for, so that whatever
// they end is cleaned up. Blocks them for the process; children unblock them (cli/subprocess.cc).
class SignalWatcher {
 public:
  static absl::StatusOr<SignalWatcher> Create();

  int fd() const { return fd_.get(); }  // readable when a signal waits
  std::optional<int> Take();            // the next one; never blocks

 private:
  explicit SignalWatcher(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_SIGNALS_H_
