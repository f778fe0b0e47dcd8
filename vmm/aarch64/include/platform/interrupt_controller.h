// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_INTERRUPT_CONTROLLER_H_
#define BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_INTERRUPT_CONTROLLER_H_

#include <array>
#include <cstdint>
#include <span>

#include "virtio/guest_memory.h"
#include "vmm/aarch64/gic_distributor.h"
#include "vmm/aarch64/gic_redistributor.h"
#include "vmm/aarch64/layout.h"
#include "vmm/vcpu.h"

namespace bulkhead {

// How the lines of virtio devices reach the guest's processors: a GICv3, of which the hypervisor
// has the CPU interfaces.
class InterruptController {
 public:
  // `vcpus` outlives this object.
  explicit InterruptController(std::span<const Vcpu> vcpus);

  // A guest's access to a register, `width` bytes; false: there is none at this address. The vCPU
  // whose redistributor is written is the one that writes: it has left vcpu_run for it.
  bool Read(GuestPhysical address, uint32_t width, uint64_t* value) const;
  bool Write(GuestPhysical address, uint32_t width, uint64_t value);

  // An edge on the line of virtio device `device`.
  void Raise(uint32_t device);

 private:
  // Whose redistributor has a register at `address`, and where in it; not below vcpus_.size():
  // none.
  static uint64_t RedistributorAt(GuestPhysical address, uint32_t* offset);
  void WriteDistributor(uint32_t offset, uint32_t width, uint64_t value);
  void PublishPrivate(size_t cpu);
  void DeliverPrivate(size_t cpu);
  void DeliverShared();

  std::span<const Vcpu> vcpus_;
  GicDistributor distributor_;
  std::array<GicRedistributor, layout::kMaxCpus> redistributors_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_INTERRUPT_CONTROLLER_H_
