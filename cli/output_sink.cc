// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/output_sink.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bulkhead {

void OutputSink::Write() {
  const size_t size = std::min<size_t>(pending_.size() - written_, PIPE_BUF);
  const ssize_t n = write(fd_, pending_.data() + written_, size);
  if (n < 0 && errno != EINTR && errno != EAGAIN) {
    broken_ = true;
    pending_.clear();
    written_ = 0;
  }
  if (n > 0) written_ += static_cast<size_t>(n);
  if (written_ == pending_.size()) {
    pending_.clear();
    written_ = 0;
  } else if (written_ > (size_t{1} << 18)) {
    pending_.erase(0, written_);
    written_ = 0;
  }
}

}  // namespace bulkhead
