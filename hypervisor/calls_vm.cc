// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/vcpu.h"
#include "base/align.h"
#include "hypervisor/calls.h"

namespace bulkhead {

CallResult Calls::VmCreate(Thread& caller) {
  if (arch::VirtualizationProblem() != nullptr) return Status::kNotSupported;
  const Result<VirtualMachine*> made = Create<VirtualMachine>(caller.process);
  if (!made.ok()) return made.status();
  VirtualMachine& vm = **made;
  Status status = vm.tag.Take();
  if (status == Status::kOk) status = vm.space.Initialize(caller.process.arena);
  if (status != Status::kOk) {
    Release(node_, vm);
    return status;
  }
  return Install(caller, vm);
}

CallResult Calls::VmMap(Thread& caller, VirtualMachine& vm, uint64_t address, Memory& memory,
                        uint64_t offset, uint64_t length, uint64_t rights) {
  if (!RangeWithin(address, length, abi::kUserTop)) return Status::kInvalidArgument;
  // Tables are charged to whoever made the machine.
  Process& owner = *vm.owner();
  if (rights == 0) {
    const Result<uint64_t> left =
        vm.space.Unmap(address, length, owner.arena, [&](Memory& gone) { Release(node_, gone); });
    FlushGuestTlbs(vm);
    return left;
  }
  if (!RangeWithin(offset, length, memory.size())) return Status::kInvalidArgument;
  if (!MayMap(caller, memory, rights)) return Status::kDenied;
  const Result<uint64_t> done =
      vm.space.Map(address, memory, offset, length,
                   {.write = (rights & abi::kWrite) != 0, .execute = (rights & abi::kExecute) != 0},
                   owner.arena, node_.pages);
  // As in ProcessMap: what a failure freed, a processor may have seen.
  if (!done.ok()) FlushGuestTlbs(vm);
  return done;
}

CallResult Calls::VcpuCreate(Thread& caller, VirtualMachine& vm, uint64_t id, Memory& state) {
  if (id >= abi::kMaxVcpus || state.fixed()) return Status::kInvalidArgument;
  if (vm.vcpus[id] != nullptr) return Status::kExists;
  Arena& arena = caller.process.arena;
  const Result<Memory::Piece> page = state.Populate(0, node_.pages);
  if (!page.ok()) return page.status();
  abi::StolenTime* stolen_time = nullptr;
  if (state.size() > kPageSize) {
    const Result<Memory::Piece> second = state.Populate(kPageSize, node_.pages);
    if (!second.ok()) return second.status();
    stolen_time = arch::ToPointer<abi::StolenTime>(second->physical);
  }

  std::array<HostPhysical, arch::Vcpu::kPages> pages = {};
  uint64_t have = 0;
  Status status = Status::kOk;
  for (; have < pages.size() && status == Status::kOk; ++have) {
    const Result<HostPhysical> fresh = arena.AllocatePage();
    status = fresh.status();
    if (!fresh.ok()) break;
    pages[have] = *fresh;
  }
  Result<Vcpu*> made = status;
  if (status == Status::kOk) {
    made = Create<Vcpu>(caller.process, vm, state, arch::ToPointer<abi::VcpuState>(page->physical));
  }
  if (!made.ok()) {
    while (have > 0) arena.FreePage(pages[--have]);
    return made.status();
  }
  Vcpu& vcpu = **made;
  Retain(vm);
  Retain(state);
  vcpu.pages = pages;
  vcpu.stolen_time = stolen_time;
  vcpu.arch.Initialize(static_cast<uint32_t>(id), vcpu.pages, vm.space.root(), vm.tag, *vcpu.state);
  vm.vcpus[id] = &vcpu;
  return Install(caller, vcpu);
}

CallResult Calls::VcpuRun(Thread& caller, Vcpu& vcpu) {
  if (vcpu.runner != nullptr) return Status::kBusy;
  Retain(vcpu);
  vcpu.runner = &caller;
  caller.vcpu = &vcpu;
  // The main loop runs the guest; the answer comes with its next exit.
  return CallResult::Pending();
}

CallResult Calls::VcpuInterrupt(Thread&, Vcpu& vcpu, uint64_t vector) {
  if (!arch::Vcpu::IsInterrupt(vector)) return Status::kInvalidArgument;
  InterruptVcpu(node_, vcpu, vector);
  return uint64_t{0};
}

}  // namespace bulkhead
