// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BASE_ADDRESS_H_
#define BULKHEAD_BASE_ADDRESS_H_

#include <cstdint>

namespace bulkhead {

// An address on the machine's bus. Distinct from virtual and guest-physical addresses, so that
// mixing them up does not compile.
enum class HostPhysical : uint64_t {};

constexpr uint64_t Raw(HostPhysical address) { return static_cast<uint64_t>(address); }
constexpr HostPhysical operator+(HostPhysical address, uint64_t offset) {
  return static_cast<HostPhysical>(Raw(address) + offset);
}

}  // namespace bulkhead

#endif  // BULKHEAD_BASE_ADDRESS_H_
