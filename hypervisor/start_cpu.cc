// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/start_cpu.h"

#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "arch/log.h"
#include "arch/upcalls.h"
#include "arch/vcpu.h"
#include "base/align.h"
#include "hypervisor/machine.h"

namespace bulkhead {
namespace {

// How long a processor may take to come: a virtual one gets its time from somebody.
constexpr uint64_t kPatienceSeconds = 2;

// Its Cpu lies at the start of its area, its stack at the end.
constexpr uint64_t kCpuBytes = AlignUp(sizeof(Cpu), kPageSize);
static_assert(kCpuBytes + kPageSize + arch::kStackBytes <= arch::kStackStride,
              "a page is left between them that is not mapped");

Status MapFresh(Process& root, uint64_t address, uint64_t length) {
  ArenaTables<arch::HostFormat> tables(root.arena);
  PageTable<arch::HostFormat, ArenaTables<arch::HostFormat>> table(arch::HypervisorRoot());
  for (uint64_t at = address; at < address + length; at += kPageSize) {
    const Result<HostPhysical> page = root.arena.AllocatePage();
    if (!page.ok()) return page.status();
    BULKHEAD_RETURN_IF_ERROR(table.Prepare(tables, at, 1));
    table.Commit(tables, at, 1, *page, {.write = true});
  }
  return Status::kOk;
}

// What has been mapped when memory runs out stays so: only the root task can have that happen.
Result<Cpu*> MakeCpu(Node& node, uint32_t area) {
  Process& root = *node.root;
  const uint64_t start = arch::CpuArea(area);
  BULKHEAD_RETURN_IF_ERROR(MapFresh(root, start, kCpuBytes));
  BULKHEAD_RETURN_IF_ERROR(
      MapFresh(root, arch::StackTop(area) - arch::kStackBytes, arch::kStackBytes));
  auto* cpu = new (reinterpret_cast<void*>(start)) Cpu;
  cpu->index = area;
  for (HostPhysical& page : cpu->pages) {
    const Result<HostPhysical> fresh = root.arena.AllocatePage();
    if (!fresh.ok()) return fresh.status();
    page = *fresh;
  }
  return cpu;
}

bool AwaitStart(Cpu& cpu) {
  const uint64_t begin = arch::Now();
  while (arch::Now() - begin < kPatienceSeconds * arch::CounterHz()) {
    if (cpu.start.load(std::memory_order_acquire) == Cpu::Start::kRunning) return true;
    arch::Pause();
  }
  Cpu::Start awaited = Cpu::Start::kAwaited;
  return !cpu.start.compare_exchange_strong(awaited, Cpu::Start::kGivenUp);
}

}  // namespace

Result<uint64_t> StartCpu(Node& node, uint64_t hardware_id) {
  const std::span running = std::span(node.cpus).first(node.cpu_count);
  if (std::any_of(running.begin(), running.end(),
                  [&](const Cpu* cpu) { return cpu->hardware_id == hardware_id; })) {
    return Status::kExists;
  }
  if (node.next_cpu_area == abi::kMaxCpus) return Status::kNoHandle;
  if (!arch::CanStartCpus()) return Status::kNotSupported;
  const Result<Cpu*> made = MakeCpu(node, node.next_cpu_area++);
  if (!made.ok()) return made.status();
  Cpu& cpu = **made;
  cpu.hardware_id = hardware_id;
  BULKHEAD_RETURN_IF_ERROR(arch::StartCpu(cpu));
  if (!AwaitStart(cpu)) {
    // It may still come, and would take the place of the next: there is none.
    node.next_cpu_area = abi::kMaxCpus;
    return Status::kTimedOut;
  }
  node.cpus[node.cpu_count] = &cpu;
  return uint64_t{node.cpu_count++};
}

void arch::EnterStartedCpu(arch::Cpu& started) {
  Node& node = TheNode();
  auto& cpu = static_cast<bulkhead::Cpu&>(started);
  if (InitializeCpu(cpu) != Status::kOk && VirtualizationProblem() == nullptr) {
    LogLine("bulkhead: a processor cannot run guests as the first one can; it stays off");
    HaltForever();
  }
  cpu.scheduler.Initialize(node.boot_cpu.scheduler.slice());
  auto awaited = bulkhead::Cpu::Start::kAwaited;
  if (!cpu.start.compare_exchange_strong(awaited, bulkhead::Cpu::Start::kRunning)) {
    HaltForever();
  }
  node.lock.Acquire(cpu);
  Dispatch(node, cpu);
}

}  // namespace bulkhead
