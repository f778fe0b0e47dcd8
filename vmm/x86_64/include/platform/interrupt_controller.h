// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_INTERRUPT_CONTROLLER_H_
#define BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_INTERRUPT_CONTROLLER_H_

#include <cstdint>
#include <span>

#include "virtio/guest_memory.h"
#include "vmm/vcpu.h"
#include "vmm/x86_64/io_apic.h"

namespace bulkhead {

// How the lines of virtio devices reach the guest's processors: through the I/O APIC.
class InterruptController {
 public:
  // `vcpus` outlives this object.
  explicit InterruptController(std::span<const Vcpu> vcpus) : vcpus_(vcpus) {}

  // A guest's access to a register, `width` bytes; false: there is none at this address.
  bool Read(GuestPhysical address, uint32_t width, uint64_t* value) const;
  bool Write(GuestPhysical address, uint32_t width, uint64_t value);

  // An edge on the line of virtio device `device`.
  void Raise(uint32_t device);

 private:
  std::span<const Vcpu> vcpus_;
  IoApic io_apic_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_INTERRUPT_CONTROLLER_H_
