// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_OUTPUT_SINK_H_
#define BULKHEAD_CLI_OUTPUT_SINK_H_

#include <cstddef>
#include <span>
#include <string>

namespace bulkhead {

// Bytes on their way to a descriptor that is not ours to make non-blocking (others share it).
class OutputSink {
 public:
  explicit OutputSink(int fd) : fd_(fd) {}

  void Append(std::span<const std::byte> bytes) {
    if (!broken_) pending_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void AppendLine(const std::string& line) {
    if (!broken_) pending_ += line + "\n";
  }

  int fd() const { return fd_; }
  bool pending() const { return written_ < pending_.size(); }
  bool broken() const { return broken_; }  // nobody reads it any more
  // The other side is slow: take no more for now.
  bool full() const { return pending_.size() - written_ > (size_t{1} << 20); }

  // Call when poll(2) says that the descriptor can be written. Writes no more than a pipe that has
  // room surely takes (PIPE_BUF), so it does not block.
  void Write();

 private:
  const int fd_;
  std::string pending_;
  size_t written_ = 0;
  bool broken_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_OUTPUT_SINK_H_
