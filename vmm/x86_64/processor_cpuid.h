// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_PROCESSOR_CPUID_H_
#define BULKHEAD_VMM_X86_64_PROCESSOR_CPUID_H_

#include <cstdint>

#include "vmm/x86_64/cpuid.h"

namespace bulkhead {

// The CPUID instruction itself.
inline CpuidRegisters ProcessorCpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidRegisters r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_PROCESSOR_CPUID_H_
