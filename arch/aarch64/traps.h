// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_TRAPS_H_
#define BULKHEAD_ARCH_AARCH64_TRAPS_H_

namespace bulkhead::arch {

// What the end of the report says if the hypervisor crashes from here on: for the first access to
// what only the firmware says is there. nullptr: the usual.
void ExplainCrash(const char* explanation);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_TRAPS_H_
