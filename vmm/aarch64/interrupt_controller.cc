// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "platform/interrupt_controller.h"

#include <algorithm>
#include <optional>

#include "hypervisor/abi/aarch64/vcpu_state.h"
#include "hypervisor/abi/calls.h"

namespace bulkhead {

InterruptController::InterruptController(std::span<const Vcpu> vcpus)
    : vcpus_(vcpus), distributor_(static_cast<uint32_t>(vcpus.size())) {
  for (size_t i = 0; i < vcpus.size(); ++i) {
    redistributors_[i] = GicRedistributor(static_cast<uint32_t>(i), i + 1 == vcpus.size());
  }
}

uint64_t InterruptController::RedistributorAt(GuestPhysical address, uint32_t* offset) {
  const uint64_t from_base = Raw(address) - layout::kGicrBase;
  *offset = static_cast<uint32_t>(from_base % layout::kGicrStride);
  return from_base / layout::kGicrStride;  // of an address below the base: too large
}

bool InterruptController::Read(GuestPhysical address, uint32_t width, uint64_t* value) const {
  const uint64_t in_distributor = Raw(address) - layout::kGicdBase;
  if (in_distributor < layout::kGicdSize) {
    *value = distributor_.Read(static_cast<uint32_t>(in_distributor), width);
    return true;
  }
  uint32_t offset;
  const uint64_t cpu = RedistributorAt(address, &offset);
  if (cpu >= vcpus_.size()) return false;
  *value = redistributors_[cpu].Read(offset, width);
  return true;
}

bool InterruptController::Write(GuestPhysical address, uint32_t width, uint64_t value) {
  const uint64_t in_distributor = Raw(address) - layout::kGicdBase;
  if (in_distributor < layout::kGicdSize) {
    WriteDistributor(static_cast<uint32_t>(in_distributor), width, value);
    return true;
  }
  uint32_t offset;
  const uint64_t cpu = RedistributorAt(address, &offset);
  if (cpu >= vcpus_.size()) return false;
  redistributors_[cpu].Write(offset, width, value);
  PublishPrivate(cpu);
  DeliverPrivate(cpu);
  return true;
}

void InterruptController::WriteDistributor(uint32_t offset, uint32_t width, uint64_t value) {
  const bool before = distributor_.group1_enabled();
  distributor_.Write(offset, width, value);
  if (distributor_.group1_enabled() != before) {
    for (size_t cpu = 0; cpu < vcpus_.size(); ++cpu) {
      PublishPrivate(cpu);
      DeliverPrivate(cpu);
    }
  }
  DeliverShared();
}

void InterruptController::Raise(uint32_t device) {
  distributor_.Raise(layout::VirtioIntid(device));
  DeliverShared();
}

void InterruptController::PublishPrivate(size_t cpu) {
  abi::VcpuState& state = *vcpus_[cpu].state;
  const GicRedistributor& redistributor = redistributors_[cpu];
  state.private_enabled = distributor_.group1_enabled() ? redistributor.enabled() : 0;
  std::ranges::copy(redistributor.priority(), state.private_priority);
  state.dirty |= abi::kDirtyInterrupts;
}

void InterruptController::DeliverPrivate(size_t cpu) {
  if (!distributor_.group1_enabled()) return;
  GicRedistributor& redistributor = redistributors_[cpu];
  while (const std::optional<uint32_t> intid = redistributor.NextPending()) {
    const uint64_t argument = abi::InterruptArgument(*intid, redistributor.priority()[*intid]);
    (void)call::VcpuInterrupt(vcpus_[cpu].handle, argument);
  }
}

void InterruptController::DeliverShared() {
  while (const std::optional<GicDelivery> next = distributor_.Next()) {
    (void)call::VcpuInterrupt(vcpus_[next->cpu].handle,
                              abi::InterruptArgument(next->intid, next->priority));
  }
}

}  // namespace bulkhead
