// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_DETACH_H_
#define BULKHEAD_CLI_DETACH_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

namespace bulkhead {

// The end of whoever is to stay, until it has let its starter go. Until then it ends with the
// starter, and has its terminal.
class Detachment {
 public:
  explicit Detachment(UniqueFd starter) : starter_(std::move(starter)) {}
  // Stdin is /dev/null from now on, stdout and stderr the file `errors`.
  void Complete(const std::string& errors);

 private:
  UniqueFd starter_;
};

// Runs `stay` in a process of its own, in a session without a terminal; what it returns is that
// process' exit status. Here: waits until it has detached itself, nothing, or ended before, its
// exit status. Signals that would end us go to it meanwhile. To be called before SignalWatcher is
// used, and while there is one thread. One fork is enough: the starter ends, and a session's leader
// opens no terminal here.
absl::StatusOr<std::optional<int>> StartDetached(const std::function<int(Detachment*)>& stay);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_DETACH_H_
