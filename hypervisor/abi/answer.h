// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ABI_ANSWER_H_
#define BULKHEAD_HYPERVISOR_ABI_ANSWER_H_

#include <cstdint>

#include "base/status.h"

namespace bulkhead::abi {

// What a call returns.
struct Answer {
  Status status;
  uint64_t value[4];

  bool ok() const { return status == Status::kOk; }
};

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_ANSWER_H_
