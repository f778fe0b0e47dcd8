// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_log.h"

#include "cli/failure.h"

namespace bulkhead {

void NodeLog::Feed(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    const char c = static_cast<char>(byte);
    if (c == '\n') {
      Finish();
    } else if (partial_.size() < kMaxLine) {
      partial_ += c;
    }
  }
}

void NodeLog::Finish() {
  const std::string line = Printable(partial_, kMaxLine);
  partial_.clear();
  if (line.empty()) return;
  lines_.push_back(line);
  if (lines_.size() > kMaxLines) lines_.pop_front();
  if (line_) line_(line);
}

std::string NodeLog::Find(const std::string& text) const {
  for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
    const size_t at = line->find(text);
    if (at != std::string::npos) return line->substr(at);
  }
  return "";
}

}  // namespace bulkhead
