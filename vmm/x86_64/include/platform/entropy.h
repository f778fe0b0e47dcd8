// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_ENTROPY_H_
#define BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_ENTROPY_H_

#include <cstddef>
#include <span>

#include "virtio/rng.h"
#include "vmm/startup.h"
#include "vmm/vcpu.h"

namespace bulkhead {

// Randomness for the guest: the processor's own, RDRAND.
class PlatformEntropy final : public EntropySource {
 public:
  PlatformEntropy(const VmmStartup& startup, const Vcpu& vcpu);

  bool available() const { return available_; }
  size_t Entropy(std::span<std::byte> out) override;

 private:
  bool available_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_ENTROPY_H_
