// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_PROGRESS_H_
#define BULKHEAD_CLI_PROGRESS_H_

#include <chrono>
#include <functional>
#include <string>

namespace bulkhead {

// One line on a terminal that says what is being done, once the work has taken more than a second.
// Silent when `enabled` is false.
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress(int fd, bool enabled, std::function<Clock::time_point()> now = Clock::now);
  ~Progress() { Erase(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Step(const std::string& what);  // what is being done from now on
  void Tick();                         // call a few times a second
  void Erase();                        // before anything else is written on the terminal
  void Finish();                       // erases, and shows nothing any more

 private:
  void Draw();

  const int fd_;
  bool enabled_;
  const std::function<Clock::time_point()> now_;
  const Clock::time_point start_;
  std::string what_;
  std::string drawn_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_PROGRESS_H_
