// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_VIRTUAL_MACHINE_H_
#define BULKHEAD_HYPERVISOR_VIRTUAL_MACHINE_H_

#include <array>
#include <cstdint>

#include "arch/paging.h"
#include "arch/vcpu.h"
#include "hypervisor/abi/types.h"
#include "hypervisor/address_space.h"
#include "hypervisor/memory.h"
#include "hypervisor/object.h"

namespace bulkhead {

struct Cpu;
class Vcpu;

class VirtualMachine : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kVirtualMachine;

  explicit VirtualMachine(Process* owner) : Object(kKind, owner) {}

  AddressSpace<arch::GuestFormat> space;
  arch::VmTag tag;
  std::array<Vcpu*, abi::kMaxVcpus> vcpus = {};  // by id; do not keep alive
};

class Vcpu : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kVcpu;

  // Keeps its machine and the memory of its state page alive.
  Vcpu(Process* owner, VirtualMachine& vm, Memory& state_memory, abi::VcpuState* state)
      : Object(kKind, owner), vm(vm), state_memory(state_memory), state(state) {}

  VirtualMachine& vm;
  Memory& state_memory;
  abi::VcpuState* state;                   // shared with the VMM: whatever is read here is hostile
  abi::StolenTime* stolen_time = nullptr;  // in the state's second page; written, never read
  uint64_t stolen = 0;                     // counter ticks
  std::array<HostPhysical, arch::Vcpu::kPages> pages = {};
  Thread* runner = nullptr;  // the thread in vcpu_run
  Cpu* cpu = nullptr;        // where it ran last: some of its registers may still be there
  arch::Vcpu arch;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_VIRTUAL_MACHINE_H_
