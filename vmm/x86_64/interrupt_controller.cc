// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "platform/interrupt_controller.h"

#include <optional>

#include "hypervisor/abi/calls.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead {

bool InterruptController::Read(GuestPhysical address, uint32_t /*width*/, uint64_t* value) const {
  const uint64_t offset = Raw(address) - layout::kIoApicBase;
  if (offset >= layout::kIoApicSize) return false;
  *value = io_apic_.Read(offset);
  return true;
}

bool InterruptController::Write(GuestPhysical address, uint32_t /*width*/, uint64_t value) {
  const uint64_t offset = Raw(address) - layout::kIoApicBase;
  if (offset >= layout::kIoApicSize) return false;
  io_apic_.Write(offset, static_cast<uint32_t>(value));
  return true;
}

void InterruptController::Raise(uint32_t device) {
  const std::optional<InterruptMessage> message = io_apic_.Raise(layout::VirtioGsi(device));
  if (!message) return;
  const uint64_t targets = InterruptTargets(*message, static_cast<uint32_t>(vcpus_.size()));
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    if ((targets >> i & 1) != 0) (void)call::VcpuInterrupt(vcpus_[i].handle, message->vector);
  }
}

}  // namespace bulkhead
