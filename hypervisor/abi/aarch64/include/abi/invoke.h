// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ABI_AARCH64_INCLUDE_ABI_INVOKE_H_
#define BULKHEAD_HYPERVISOR_ABI_AARCH64_INCLUDE_ABI_INVOKE_H_

// How user mode makes a call.

#include <cstdint>

#include "base/status.h"
#include "hypervisor/abi/answer.h"
#include "hypervisor/abi/call_numbers.h"

namespace bulkhead::abi {

// X8: the call; X0 to X5: arguments. On return X0: status; X1 to X4: results; the rest is kept.
inline Answer Invoke(Call call, uint64_t a0 = 0, uint64_t a1 = 0, uint64_t a2 = 0, uint64_t a3 = 0,
                     uint64_t a4 = 0, uint64_t a5 = 0) {
  register uint64_t x8 asm("x8") = static_cast<uint64_t>(call);
  register uint64_t x0 asm("x0") = a0;
  register uint64_t x1 asm("x1") = a1;
  register uint64_t x2 asm("x2") = a2;
  register uint64_t x3 asm("x3") = a3;
  register uint64_t x4 asm("x4") = a4;
  register uint64_t x5 asm("x5") = a5;
  asm volatile("svc #0"
               : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4)
               : "r"(x5), "r"(x8)
               : "memory");
  return {static_cast<Status>(x0), {x1, x2, x3, x4}};
}

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_AARCH64_INCLUDE_ABI_INVOKE_H_
