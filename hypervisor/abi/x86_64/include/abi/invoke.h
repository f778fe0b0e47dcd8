// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ABI_X86_64_INCLUDE_ABI_INVOKE_H_
#define BULKHEAD_HYPERVISOR_ABI_X86_64_INCLUDE_ABI_INVOKE_H_

// How user mode makes a call.

#include <cstdint>

#include "base/status.h"
#include "hypervisor/abi/answer.h"
#include "hypervisor/abi/call_numbers.h"

namespace bulkhead::abi {

// SYSCALL loses RCX and R11 (AMD APM 3, SYSCALL).
inline Answer Invoke(Call call, uint64_t a0 = 0, uint64_t a1 = 0, uint64_t a2 = 0, uint64_t a3 = 0,
                     uint64_t a4 = 0, uint64_t a5 = 0) {
  uint64_t rax = static_cast<uint64_t>(call);
  uint64_t rdx = a2;
  register uint64_t r10 asm("r10") = a3;
  register uint64_t r8 asm("r8") = a4;
  register uint64_t r9 asm("r9") = a5;
  asm volatile("syscall"
               : "+a"(rax), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
               : "D"(a0), "S"(a1)
               : "rcx", "r11", "memory");
  return {static_cast<Status>(rax), {rdx, r10, r8, r9}};
}

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_X86_64_INCLUDE_ABI_INVOKE_H_
