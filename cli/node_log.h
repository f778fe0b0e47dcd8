// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_NODE_LOG_H_
#define BULKHEAD_CLI_NODE_LOG_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <string>

namespace bulkhead {

// The last lines of a log that somebody else writes.
class NodeLog {
 public:
  // `line`: called for every complete line, made printable; may be empty.
  explicit NodeLog(std::function<void(const std::string&)> line) : line_(std::move(line)) {}

  void Feed(std::span<const std::byte> bytes);
  void Finish();  // what is left is a line, too

  const std::deque<std::string>& lines() const { return lines_; }
  // The last line that has `text` in it, from there on; empty: none.
  std::string Find(const std::string& text) const;

 private:
  static constexpr size_t kMaxLines = 200;
  static constexpr size_t kMaxLine = 1000;  // bytes

  const std::function<void(const std::string&)> line_;
  std::deque<std::string> lines_;
  std::string partial_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_NODE_LOG_H_
