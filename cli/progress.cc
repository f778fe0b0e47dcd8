// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/progress.h"

#include <unistd.h>

#include <utility>

namespace bulkhead {
namespace {

constexpr auto kQuietTime = std::chrono::seconds(1);

void WriteText(int fd, const std::string& text) {
  // A terminal that is gone is no reason to stop.
  [[maybe_unused]] const ssize_t n = write(fd, text.data(), text.size());
}

}  // namespace

Progress::Progress(int fd, bool enabled, std::function<Clock::time_point()> now)
    : fd_(fd), enabled_(enabled), now_(std::move(now)), start_(now_()) {}

void Progress::Step(const std::string& what) {
  what_ = what;
  Tick();
}

void Progress::Tick() {
  if (!enabled_ || what_.empty() || now_() - start_ < kQuietTime) return;
  Draw();
}

void Progress::Draw() {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now_() - start_).count();
  const std::string text = "bulkhead: " + what_ + " (" + std::to_string(seconds) + " s)";
  if (text == drawn_) return;
  // ECMA-48: carriage return, then erase to the end of the line (EL).
  WriteText(fd_, "\r" + text + "\x1b[K");
  drawn_ = text;
}

void Progress::Erase() {
  if (drawn_.empty()) return;
  WriteText(fd_, "\r\x1b[K");
  drawn_.clear();
}

void Progress::Finish() {
  Erase();
  enabled_ = false;
}

}  // namespace bulkhead
