// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/failure.h"

#include <cerrno>

namespace bulkhead {
namespace {

constexpr char kSignalText[] = "interrupted by signal ";

}  // namespace

absl::Status ErrnoFailure(const std::string& what, int error) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(absl::StrCat(
        what,
        ": no space left on the disk; free some, or have TMPDIR and BULKHEAD_CACHE name "
        "directories with more"));
  }
  return Failure(what, ": ", strerror(error));
}

absl::Status Interrupted(int signal) {
  return absl::CancelledError(absl::StrCat(kSignalText, signal));
}

int InterruptSignal(const absl::Status& status) {
  if (!absl::IsCancelled(status)) return 0;
  const std::string text(status.message());
  if (text.rfind(kSignalText, 0) != 0) return 0;
  return std::atoi(text.c_str() + sizeof(kSignalText) - 1);
}

std::string Printable(const std::string& text, size_t limit) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) {
      out += "...";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace bulkhead
