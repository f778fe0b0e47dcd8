// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_CONTEXT_H_
#define BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_CONTEXT_H_

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace bulkhead::arch {

// A user thread's registers, as entry.S stores them: SP_EL2 points here while user mode runs.
struct alignas(16) UserContext {
  uint64_t x[31];
  uint64_t sp;
  uint64_t pc;
  uint64_t pstate;
  uint64_t syndrome;        // ESR_EL2 of the last exception
  uint64_t thread_pointer;  // TPIDR_EL0, which programs may use as they like

  uint64_t CallNumber() const { return x[8]; }
  uint64_t Argument(int index) const { return x[index]; }
  void SetStatus(Status status) { x[0] = static_cast<uint64_t>(status); }
  void SetResults(uint64_t v0, uint64_t v1 = 0, uint64_t v2 = 0, uint64_t v3 = 0) {
    x[1] = v0;
    x[2] = v1;
    x[3] = v2;
    x[4] = v3;
  }
  uint64_t InstructionPointer() const { return pc; }
  uint64_t FramePointer() const { return x[29]; }
  // Of a fault: the exception class (Arm ARM DDI 0487, D17.2.37).
  uint64_t FaultCode() const { return syndrome >> 26 & 0x3f; }

  // Sets up a thread that begins at `entry`.
  void Start(uint64_t entry, uint64_t stack, uint64_t argument);
};
static_assert(sizeof(UserContext) == 288);
static_assert(offsetof(UserContext, sp) == 248 && offsetof(UserContext, thread_pointer) == 280);

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_INCLUDE_ARCH_CONTEXT_H_
