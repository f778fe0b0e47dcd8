// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_FAILURE_H_
#define BULKHEAD_GUEST_INIT_FAILURE_H_

// Errors of the guest's init are values, too: why the container could not be run, in the form the
// command line reports it.

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace bulkhead {

// Exit statuses of the command line that are not the container's, as podman has them.
inline constexpr uint32_t kStatusInternal = 125;
inline constexpr uint32_t kStatusNotExecutable = 126;
inline constexpr uint32_t kStatusNotFound = 127;

struct Failure {
  uint32_t status = kStatusInternal;
  std::string text;  // one line
};

// Nothing when all went well.
using MaybeFailure = std::optional<Failure>;

inline Failure InternalFailure(std::string text) {
  return Failure{kStatusInternal, std::move(text)};
}

// "WHAT: TEXT-OF-ERRNO". Call it before anything else can change errno.
inline Failure ErrnoFailure(std::string what) {
  const int error = errno;
  return InternalFailure(std::move(what) + ": " + std::strerror(error));
}

}  // namespace bulkhead

#define BULKHEAD_RETURN_IF_FAILED(expression)                      \
  do {                                                             \
    if (::bulkhead::MaybeFailure bulkhead_failure_ = (expression); \
        bulkhead_failure_.has_value()) {                           \
      return bulkhead_failure_;                                    \
    }                                                              \
  } while (false)

#endif  // BULKHEAD_GUEST_INIT_FAILURE_H_
