// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "platform/entropy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "vmm/x86_64/processor_cpuid.h"

namespace bulkhead {
namespace {

constexpr uint32_t kRdrand = 1 << 30;  // CPUID 1, ECX

// RDRAND (AMD APM 3): a 64-bit random number, or carry clear.
bool Random(uint64_t* number) {
  bool ok;
  asm volatile("rdrand %0" : "=r"(*number), "=@ccc"(ok));
  return ok;
}

}  // namespace

PlatformEntropy::PlatformEntropy(const VmmStartup& /*startup*/, const Vcpu& /*vcpu*/)
    : available_((ProcessorCpuid(1, 0).ecx & kRdrand) != 0) {}

size_t PlatformEntropy::Entropy(std::span<std::byte> out) {
  size_t filled = 0;
  while (filled < out.size()) {
    uint64_t number;
    if (!Random(&number)) break;
    const size_t part = std::min(sizeof(number), out.size() - filled);
    std::memcpy(out.data() + filled, &number, part);
    filled += part;
  }
  return filled;
}

}  // namespace bulkhead
