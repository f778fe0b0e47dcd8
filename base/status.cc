// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "base/status.h"

namespace bulkhead {

const char* StatusName(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kBadHandle:
      return "bad handle";
    case Status::kDenied:
      return "denied";
    case Status::kInvalidArgument:
      return "invalid argument";
    case Status::kNoMemory:
      return "no memory";
    case Status::kQuotaExceeded:
      return "quota exceeded";
    case Status::kNoHandle:
      return "no handle";
    case Status::kExists:
      return "exists";
    case Status::kNotFound:
      return "not found";
    case Status::kTimedOut:
      return "timed out";
    case Status::kBusy:
      return "busy";
    case Status::kEnded:
      return "ended";
    case Status::kNotSupported:
      return "not supported";
    case Status::kCorrupt:
      return "corrupt";
  }
  return "unknown status";
}

}  // namespace bulkhead
