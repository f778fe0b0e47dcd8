// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_POD_END_H_
#define BULKHEAD_VMM_POD_END_H_

#include <cstdint>

namespace bulkhead {

// How a pod came to its end. Part of the node channel's protocol (control/node_frame.h).
enum class PodEnd : uint32_t {
  kPoweredOff = 0,  // the guest powered itself off
  kReset = 1,       // the guest asked for a reset, as a panicking kernel does
  kGuestFault = 2,  // the guest did what ends a guest (triple fault, bad access, bad device use)
  kVmmFailed = 3,   // its VMM crashed
  kNotStarted = 4,  // it could not be started (not enough memory, bad kernel)
  kStopped = 5,     // by kPodStop
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_POD_END_H_
