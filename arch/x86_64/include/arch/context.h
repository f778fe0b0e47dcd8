// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CONTEXT_H_
#define BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CONTEXT_H_

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace bulkhead::arch {

// A user thread's registers, in the order in which entry.S pushes them. The processor itself writes
// the last five when user mode is interrupted: TSS.RSP0 points just past this structure.
struct alignas(16) UserContext {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
  uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
  uint64_t vector;  // kSyscallVector: entered by SYSCALL
  uint64_t error;
  uint64_t rip, cs, rflags, rsp, ss;

  uint64_t CallNumber() const { return rax; }
  uint64_t Argument(int index) const {
    const uint64_t words[] = {rdi, rsi, rdx, r10, r8, r9};
    return words[index];
  }
  void SetStatus(Status status) { rax = static_cast<uint64_t>(status); }
  void SetResults(uint64_t v0, uint64_t v1 = 0, uint64_t v2 = 0, uint64_t v3 = 0) {
    rdx = v0;
    r10 = v1;
    r8 = v2;
    r9 = v3;
  }
  uint64_t InstructionPointer() const { return rip; }
  uint64_t FramePointer() const { return rbp; }
  // Of a fault: the exception's number.
  uint64_t FaultCode() const { return vector; }

  // Sets up a thread that begins at `entry`.
  void Start(uint64_t entry, uint64_t stack, uint64_t argument);
};
static_assert(sizeof(UserContext) == 176 && sizeof(UserContext) % 16 == 0);
static_assert(offsetof(UserContext, vector) == 120);

inline constexpr uint64_t kSyscallVector = 256;

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_INCLUDE_ARCH_CONTEXT_H_
