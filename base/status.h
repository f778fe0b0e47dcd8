// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BASE_STATUS_H_
#define BULKHEAD_BASE_STATUS_H_

#include <cstdint>
#include <utility>

namespace bulkhead {

// Every error of the hypervisor and of the freestanding programs on it. The numbers are part of
// the call interface (docs/calls.md): append, never reorder.
enum class Status : uint32_t {
  kOk = 0,
  kBadHandle = 1,        // no such capability, or it names an object of another kind
  kDenied = 2,           // the capability lacks a right
  kInvalidArgument = 3,  // an argument is malformed, unaligned or out of range
  kNoMemory = 4,         // the machine has no free page
  kQuotaExceeded = 5,    // the process may not have more memory
  kNoHandle = 6,         // the capability table is full
  kExists = 7,           // the range is mapped, the name taken
  kNotFound = 8,         // nothing there
  kTimedOut = 9,         // the deadline passed
  kBusy = 10,            // in use by somebody else
  kEnded = 11,           // the other side is gone
  kNotSupported = 12,    // this machine or this build cannot do it
  kCorrupt = 13,         // data does not have the form it must have
};

const char* StatusName(Status status);

// A value or the reason there is none. Small on purpose: no exceptions, no allocation, usable in
// ring 0. T must be default-constructible.
template <typename T>
class [[nodiscard]] Result {
 public:
  constexpr Result(T value) : value_(std::move(value)), status_(Status::kOk) {}  // NOLINT
  constexpr Result(Status status) : value_(), status_(status) {}                 // NOLINT

  constexpr bool ok() const { return status_ == Status::kOk; }
  constexpr Status status() const { return status_; }
  constexpr T& operator*() { return value_; }
  constexpr const T& operator*() const { return value_; }
  constexpr T* operator->() { return &value_; }
  constexpr const T* operator->() const { return &value_; }

 private:
  T value_;
  Status status_;
};

}  // namespace bulkhead

// Leaves the enclosing function with the status of a failed expression.
#define BULKHEAD_RETURN_IF_ERROR(expression)                      \
  do {                                                            \
    if (const ::bulkhead::Status bulkhead_status_ = (expression); \
        bulkhead_status_ != ::bulkhead::Status::kOk) {            \
      return bulkhead_status_;                                    \
    }                                                             \
  } while (false)

#endif  // BULKHEAD_BASE_STATUS_H_
