// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VMX_ACCESS_RIGHTS_H_
#define BULKHEAD_ARCH_X86_64_VMX_ACCESS_RIGHTS_H_

#include <cstdint>

namespace bulkhead::arch::vmx {

// A segment's access rights as the VMCS has them (Intel SDM 3C, 25.4.1): descriptor bits 55:52 in
// 15:12, 47:40 in 7:0; the VMM's form joins them (hypervisor/abi/x86_64/vcpu_state.h).
inline constexpr uint32_t kUnusable = 1 << 16;
inline constexpr uint32_t kSegmentPresent = 1 << 7;
constexpr uint32_t ToAccessRights(uint16_t attributes) {
  const uint32_t rights = (attributes & 0xff) | (uint32_t{attributes} & 0xf00) << 4;
  return (attributes & kSegmentPresent) != 0 ? rights : rights | kUnusable;
}
constexpr uint16_t ToAttributes(uint32_t rights) {
  const uint32_t attributes = (rights & 0xff) | (rights >> 4 & 0xf00);
  return static_cast<uint16_t>((rights & kUnusable) != 0 ? attributes & ~kSegmentPresent
                                                         : attributes);
}

}  // namespace bulkhead::arch::vmx

#endif  // BULKHEAD_ARCH_X86_64_VMX_ACCESS_RIGHTS_H_
