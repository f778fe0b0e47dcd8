// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_FAILURE_H_
#define BULKHEAD_CLI_FAILURE_H_

// How the command line reports what went wrong: an absl::Status whose message is the one line the
// user sees, "what is wrong; what to do".

#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace bulkhead {

// Our own errors, as podman has them.
inline constexpr int kExitOwnError = 125;

template <typename... Args>
absl::Status Failure(const Args&... args) {
  return absl::FailedPreconditionError(absl::StrCat(args...));
}

// A system call's failure. A full disk gets its own advice.
absl::Status ErrnoFailure(const std::string& what, int error);

// The run was ended by a signal: no line, exit status 128 + signal.
absl::Status Interrupted(int signal);
// The signal of such a status; 0 for any other.
int InterruptSignal(const absl::Status& status);

// `text` on one line, without control characters, at most `limit` bytes: what others wrote (a
// guest, a registry) may be shown, but not command the terminal.
std::string Printable(const std::string& text, size_t limit = 400);

}  // namespace bulkhead

#define BULKHEAD_RETURN_IF_FAILED(expression)              \
  do {                                                     \
    absl::Status bulkhead_failure_ = (expression);         \
    if (!bulkhead_failure_.ok()) return bulkhead_failure_; \
  } while (false)

// The macro arguments are names to be declared, which parentheses would spoil.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define BULKHEAD_CONCAT_INNER_(a, b) a##b
#define BULKHEAD_CONCAT_(a, b) BULKHEAD_CONCAT_INNER_(a, b)
#define BULKHEAD_ASSIGN_IMPL_(value, target, expression) \
  auto value = (expression);                             \
  if (!value.ok()) return value.status();                \
  target = *std::move(value)
#define BULKHEAD_ASSIGN_OR_RETURN(target, expression) \
  BULKHEAD_ASSIGN_IMPL_(BULKHEAD_CONCAT_(bulkhead_value_, __LINE__), target, expression)
// NOLINTEND(bugprone-macro-parentheses)

#endif  // BULKHEAD_CLI_FAILURE_H_
