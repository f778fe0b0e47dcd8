// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_MACHINE_PROCESS_H_
#define BULKHEAD_TESTS_HARNESS_MACHINE_PROCESS_H_

#include <gtest/gtest.h>
#include <sys/types.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/files.h"

namespace bulkhead {

// An emulator's process. Killed, by its process id, when this object or the test program ends.
class MachineProcess {
 public:
  using Duration = std::chrono::milliseconds;

  ~MachineProcess();
  MachineProcess(const MachineProcess&) = delete;
  MachineProcess& operator=(const MachineProcess&) = delete;

  // Waits until it ends by itself. False, and it is killed, if it still runs at the deadline;
  // `deadline` counts from now.
  [[nodiscard]] testing::AssertionResult RunToEnd(Duration deadline);

  // Waits until the UART has said `text`, from its first byte on. False if the deadline passes or
  // it ends without that; it is not killed.
  [[nodiscard]] testing::AssertionResult RunUntilSerial(std::string_view text, Duration deadline);

  // Takes what the UART and the emulator have said, without waiting. An emulator that nobody
  // listens to stops: whoever waits for something else has to call this when one of descriptors()
  // can be read.
  void Poll() { Pump(std::chrono::steady_clock::now()); }
  std::array<int, 2> descriptors() const { return {serial_pipe_, errors_pipe_}; }

  void Kill();

  // What the UART said so far, without carriage returns and terminal control sequences.
  std::string serial() const;
  const std::string& serial_raw() const { return serial_; }
  // What the emulator itself said on stderr.
  const std::string& errors() const { return errors_; }

  const char* name() const { return name_; }
  bool running() const { return pid_ > 0; }
  // 128 + N if signal N ended it; -1 while it runs.
  int exit_status() const { return exit_status_; }
  pid_t pid() const { return pid_; }

  // For sockets and files of this machine.
  const TempDirectory& directory() const { return directory_; }

 protected:
  // `name` is the emulator's, in messages.
  explicit MachineProcess(const char* name) : name_(name) {}
  // Starts it; `serial` is the descriptor that it writes its first UART's output to. One that
  // cannot be started shows as one that ended with status 127.
  void Start(const std::vector<std::string>& arguments, int serial,
             const std::string& directory = ".");

 private:
  // Reads what there is; waits for more until `until`. False when both pipes are closed.
  bool Pump(std::chrono::steady_clock::time_point until);
  void Reap();
  testing::AssertionResult Failure(std::string_view what) const;

  const char* const name_;
  TempDirectory directory_;
  std::string serial_;
  std::string errors_;
  int serial_pipe_ = -1;
  int errors_pipe_ = -1;
  pid_t pid_ = -1;
  int exit_status_ = -1;
};

// With the whole of the UART in the message if it does not hold.
testing::AssertionResult SerialContains(const MachineProcess& machine, std::string_view text);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_MACHINE_PROCESS_H_
