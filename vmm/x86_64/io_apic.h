// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_IO_APIC_H_
#define BULKHEAD_VMM_X86_64_IO_APIC_H_

// The guest's I/O APIC (Intel 82093AA data sheet): 24 pins, each an edge-triggered, active-high
// input. Registers and routing only; the local side is the hypervisor's x2APIC.
//
// Level-triggered entries can be written and read back, but are delivered once per Raise like
// edges: Remote IRR stays 0 and nothing is delivered again at end-of-interrupt. No device of this
// platform is described as level-triggered.

#include <array>
#include <cstdint>
#include <optional>

#include "vmm/x86_64/layout.h"

namespace bulkhead {

enum class DeliveryMode : uint8_t {
  kFixed = 0,
  kLowestPriority = 1,
  kSmi = 2,
  kNmi = 4,
  kInit = 5,
  kExtInt = 7,
};

struct InterruptMessage {
  uint8_t destination = 0;  // x2APIC id; 0xff: all; or a logical mask, of cluster 0
  bool logical = false;
  uint8_t vector = 0;
  DeliveryMode mode = DeliveryMode::kFixed;
};

// The vCPUs (bit i: the one with x2APIC id i, of `cpus` at most 64) that a message is for. Lowest
// priority counts as fixed to the first of them.
uint64_t InterruptTargets(const InterruptMessage& message, uint32_t cpus);

class IoApic {
 public:
  static constexpr uint64_t kSelectOffset = 0x00;  // IOREGSEL
  static constexpr uint64_t kWindowOffset = 0x10;  // IOWIN

  // One access at an offset into the register page. Other offsets read as 0 and ignore writes.
  uint32_t Read(uint64_t offset) const;
  void Write(uint64_t offset, uint32_t value);

  // An edge on a pin: what is to be delivered. Nothing if the pin is masked (the edge is lost, as
  // with the hardware), if the vector is below 16, or for a mode other than fixed and lowest
  // priority; the last two are counted.
  std::optional<InterruptMessage> Raise(uint32_t pin);

  uint64_t dropped() const { return dropped_; }

 private:
  uint32_t ReadRegister() const;
  void WriteRegister(uint32_t value);

  static constexpr uint64_t kMasked = 1 << 16;
  static constexpr std::array<uint64_t, layout::kIoApicPins> AllMasked() {
    std::array<uint64_t, layout::kIoApicPins> entries{};
    entries.fill(kMasked);
    return entries;
  }

  uint8_t select_ = 0;
  uint32_t id_ = 0;
  std::array<uint64_t, layout::kIoApicPins> redirection_ = AllMasked();
  uint64_t dropped_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_IO_APIC_H_
