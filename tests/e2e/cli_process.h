// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_E2E_CLI_PROCESS_H_
#define BULKHEAD_TESTS_E2E_CLI_PROCESS_H_

// Runs the real `bulkhead` command as a user does, and looks at everything it leaves.

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/files.h"

namespace bulkhead {

struct CliOptions {
  std::vector<std::string> arguments = {};  // without the program
  std::string input = {};                   // all of stdin
  bool keep_stdin_open = false;             // no end after `input`
  std::map<std::string, std::string> environment = {};
  uint64_t file_size_limit = 0;  // bytes that any file may have (RLIMIT_FSIZE); 0: any
};

// One run. It gets a TMPDIR of its own and shares a cache with the other runs of this test program.
class CliProcess {
 public:
  explicit CliProcess(const CliOptions& options);
  ~CliProcess();
  CliProcess(const CliProcess&) = delete;
  CliProcess& operator=(const CliProcess&) = delete;

  // Runs it until `condition` holds. False when it ends without that, or after three minutes.
  [[nodiscard]] testing::AssertionResult RunUntil(const std::function<bool()>& condition);
  // Until it has ended. False, too, if it has left processes or temporary files behind.
  [[nodiscard]] testing::AssertionResult RunToEnd();

  void Signal(int signal);
  // Sends a signal to the run's QEMU.
  [[nodiscard]] testing::AssertionResult SignalQemu(int signal);
  // Stops to read its stdout.
  void CloseOut();

  int status() const { return status_; }  // exit status, 128 + N for signal N; -1 while it runs
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

 private:
  void Pump(int timeout_ms);
  testing::AssertionResult Failure(const std::string& what) const;

  TempDirectory temporary_;
  std::string input_;
  const bool keep_stdin_open_;
  std::string out_;
  std::string err_;
  int in_pipe_ = -1;
  int out_pipe_ = -1;
  int err_pipe_ = -1;
  pid_t pid_ = -1;
  int status_ = -1;
};

// Runs `bulkhead ARGUMENTS...` to its end, which it has to reach.
std::unique_ptr<CliProcess> Bulkhead(const std::vector<std::string>& arguments,
                                     const std::string& input = "");

// Status and one line on stderr, "bulkhead: " with all of `texts` in it; nothing on stdout.
testing::AssertionResult IsOneLine(const CliProcess& process, int status,
                                   const std::vector<std::string>& texts);

// Puts the guest's kernel, and nothing else, into an empty cache.
void AddKernel(const TempDirectory& cache);

// Where the runs of this test program cache: has the guest's kernel, and nothing else at first.
const std::string& CacheDirectory();

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_E2E_CLI_PROCESS_H_
