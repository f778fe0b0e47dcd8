// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_ENTROPY_H_
#define BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_ENTROPY_H_

#include <cstddef>
#include <span>

#include "virtio/rng.h"
#include "vmm/chacha20.h"
#include "vmm/startup.h"
#include "vmm/vcpu.h"

namespace bulkhead {

// Randomness for the guest: a generator that starts from the supervisor's seed, and stirred with
// the processor's own random numbers (RNDR) where it has them.
class PlatformEntropy final : public EntropySource {
 public:
  // `vcpu`: has been made, so that its state says what the machine has.
  PlatformEntropy(const VmmStartup& startup, const Vcpu& vcpu);

  bool available() const { return available_; }
  size_t Entropy(std::span<std::byte> out) override;

 private:
  bool StirWithProcessor();

  ChaCha20Generator generator_;
  bool has_rndr_;
  bool available_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_ENTROPY_H_
