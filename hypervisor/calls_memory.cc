// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "base/align.h"
#include "hypervisor/calls.h"

namespace bulkhead {

CallResult Calls::MemoryCreate(Thread& caller, uint64_t size) {
  if (size > Memory::kMaxSize) return Status::kInvalidArgument;
  const uint64_t pages = size >> kPageShift;
  BULKHEAD_RETURN_IF_ERROR(caller.process.quota.Charge(pages));
  const Result<Memory*> made = Create<Memory>(caller.process, size);
  if (!made.ok()) {
    caller.process.quota.Refund(pages);
    return made.status();
  }
  return Install(caller, **made);
}

CallResult Calls::MemoryPhysical(Thread& caller, uint64_t physical, uint64_t size,
                                 uint64_t caching) {
  if (!IsSystem(caller)) return Status::kDenied;
  constexpr uint64_t kPhysicalTop = uint64_t{1} << 52;
  if (!RangeWithin(physical, size, kPhysicalTop) ||
      caching > static_cast<uint64_t>(abi::Caching::kUncached)) {
    return Status::kInvalidArgument;
  }
  if (node_.pages.Owns(physical, size) || node_.IsOwn(physical, size)) return Status::kDenied;
  const bool device = caching == static_cast<uint64_t>(abi::Caching::kUncached);
  const Result<Memory*> made =
      Create<Memory>(caller.process, size, static_cast<HostPhysical>(physical), device);
  if (!made.ok()) return made.status();
  return Install(caller, **made);
}

}  // namespace bulkhead
