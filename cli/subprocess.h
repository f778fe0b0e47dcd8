// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_SUBPROCESS_H_
#define BULKHEAD_CLI_SUBPROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/unique_fd.h"

namespace bulkhead {

struct Command {
  std::vector<std::string> arguments;    // [0] is the program: a path, or a name found by PATH
  std::vector<std::string> environment;  // NAME=VALUE, besides our own
  std::string directory;                 // working directory; empty: ours
  // Descriptor of ours -> the child's. stdin, stdout and stderr are /dev/null unless given.
  std::vector<std::pair<int, int>> descriptors;
  int death_signal = 9;  // what the child gets when we end
  // What a terminal's keys and its end send to us, the child does not get.
  bool new_session = false;
};

// A running child. Never left behind: the destructor kills and reaps it, by its number.
class ChildProcess {
 public:
  // NotFound when there is no such program.
  static absl::StatusOr<ChildProcess> Start(const Command& command);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when the child has ended
  void Signal(int signal);
  // Waits; the status is waitpid's.
  int Wait();
  // The status if the child has ended.
  std::optional<int> Poll();

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_;
  UniqueFd pidfd_;
  std::optional<int> status_;
};

// What long work needs from the outside; both may be null.
struct RunContext {
  SignalWatcher* signals = nullptr;
  Progress* progress = nullptr;
};

struct CommandResult {
  int status = 0;      // waitpid's
  std::string output;  // stdout, cut to kMaxCaptured
  std::string errors;  // stderr, likewise
  bool ok() const { return status == 0; }
};
inline constexpr size_t kMaxCaptured = 1 << 20;  // bytes

// Runs a command to its end. Interrupted (cli/failure.h) when a signal came first: then the child
// is gone, too. NotFound when there is no such program.
absl::StatusOr<CommandResult> RunCommand(Command command, const RunContext& context);

// Where PATH (and the sbin directories, which a user's PATH may lack) has a program; empty:
// nowhere.
std::string FindProgram(const std::string& name);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_SUBPROCESS_H_
