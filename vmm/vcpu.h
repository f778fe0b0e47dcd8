// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_VCPU_H_
#define BULKHEAD_VMM_VCPU_H_

#include <cstdint>

namespace bulkhead {

namespace abi {
struct VcpuState;  // hypervisor/abi/<architecture>/vcpu_state.h
}

// A virtual processor as its VMM holds it; its place in a list is its number.
struct Vcpu {
  uint64_t handle = 0;
  // Shared with the hypervisor; only for the thread that runs the vCPU, while it does not.
  abi::VcpuState* state = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_VCPU_H_
