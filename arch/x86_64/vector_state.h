// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VECTOR_STATE_H_
#define BULKHEAD_ARCH_X86_64_VECTOR_STATE_H_

// Guests' floating-point and vector registers, by XSAVE (AMD APM 2, 11.5; Intel SDM 1, 13). The
// hypervisor and user mode have none: CR0.TS is set, and the registers belong to the guest that
// was loaded last.

#include <cstdint>

namespace bulkhead::arch {

// Finds what the processor has. nullptr, or why guests cannot run with it.
const char* FindVectorState();

// Components that guests may turn on (XCR0).
uint64_t GuestXcr0();

// As after FNINIT, with MXCSR as after reset. `area`: a zeroed page.
void InitializeVectorState(void* area);

// Moves all components that there are, also those this guest has not turned on: nothing of
// another guest stays. Restore leaves XCR0 as `xcr0`; Save returns what it was.
void RestoreVectorState(const void* area, uint64_t xcr0);
uint64_t SaveVectorState(void* area);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_VECTOR_STATE_H_
