// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_DEBUG_OUTPUT_H_
#define BULKHEAD_VMM_DEBUG_OUTPUT_H_

// What the guest writes to its debug UART, on its way to the supervisor: by lines, since a record
// for each byte would be mostly records. `write(bytes)` takes bytes and returns how many it took.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace bulkhead {

class DebugOutput {
 public:
  static constexpr size_t kLineBytes = 128;

  // Whether the transmitter has room for a byte. A guest that does not ask loses bytes while those
  // before have not been taken.
  template <typename Write>
  bool Ready(Write write) {
    if (length_ == line_.size()) Flush(write);
    return length_ < line_.size();
  }

  template <typename Write>
  void Put(std::byte byte, Write write) {
    if (!Ready(write)) return;
    line_[length_++] = byte;
    if (byte == std::byte{'\n'}) Flush(write);
  }

  template <typename Write>
  void Flush(Write write) {
    if (length_ == 0) return;
    const size_t taken = write(std::span<const std::byte>(line_).first(length_));
    std::copy(line_.begin() + taken, line_.begin() + length_, line_.begin());
    length_ -= taken;
  }

 private:
  std::array<std::byte, kLineBytes> line_ = {};
  size_t length_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_DEBUG_OUTPUT_H_
