// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CONTEXT_H_
#define BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CONTEXT_H_

#include <cstdint>

#include "base/status.h"

namespace bulkhead::arch {

// A user thread's registers. As on the real machines, results overwrite the registers that held
// arguments, so a core that reads an argument too late is caught.
struct UserContext {
  uint64_t
      r[7];  // [0]: number of the call, then status; [1] to [6]: arguments; [2] to [5]: results
  uint64_t pc;
  uint64_t sp;
  uint64_t fault;

  uint64_t CallNumber() const { return r[0]; }
  uint64_t Argument(int index) const { return r[1 + index]; }
  void SetStatus(Status status) { r[0] = static_cast<uint64_t>(status); }
  void SetResults(uint64_t v0, uint64_t v1 = 0, uint64_t v2 = 0, uint64_t v3 = 0) {
    r[2] = v0;
    r[3] = v1;
    r[4] = v2;
    r[5] = v3;
  }
  uint64_t InstructionPointer() const { return pc; }
  uint64_t FramePointer() const { return sp; }
  uint64_t FaultCode() const { return fault; }

  void Start(uint64_t entry, uint64_t stack, uint64_t argument) {
    *this = {};
    pc = entry;
    sp = stack;
    r[1] = argument;
  }
};

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_CONTEXT_H_
