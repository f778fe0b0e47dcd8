// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_QUOTA_H_
#define BULKHEAD_HYPERVISOR_QUOTA_H_

// What a process may use of the machine's memory, and has used.

#include <algorithm>
#include <cstdint>

#include "base/status.h"

namespace bulkhead {

class Quota {
 public:
  Quota() = default;
  explicit Quota(uint64_t limit_pages) : limit_(limit_pages) {}

  // kQuotaExceeded, and no change, if `pages` more are not allowed.
  Status Charge(uint64_t pages) {
    if (pages > limit_ - used_) return Status::kQuotaExceeded;
    used_ += pages;
    peak_ = std::max(peak_, used_);
    return Status::kOk;
  }
  void Refund(uint64_t pages) { used_ -= pages; }

  uint64_t limit() const { return limit_; }  // pages
  uint64_t used() const { return used_; }
  uint64_t peak() const { return peak_; }

 private:
  uint64_t limit_ = 0;
  uint64_t used_ = 0;
  uint64_t peak_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_QUOTA_H_
