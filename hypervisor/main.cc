// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Start of the hypervisor.

#include <algorithm>
#include <cstring>
#include <span>

#include "arch/cpu.h"
#include "arch/log.h"
#include "arch/vcpu.h"
#include "base/format.h"
#include "boot/boot_info.h"
#include "hypervisor/machine.h"
#include "hypervisor/root_task.h"

namespace bulkhead {
namespace {

constexpr uint64_t kSliceHz = 100;  // time slices a second

Node g_node;
BootInfo g_boot;

using Constructor = void (*)();
extern "C" Constructor __init_array_start[];
extern "C" Constructor __init_array_end[];

// Memory for the first page tables and the page allocator's notes: all tables of the direct map
// with 4 KiB pages at the edges of regions, and one Block for each 2 MiB.
uint64_t EarlyBytes(const BootInfo& boot, uint64_t blocks) {
  uint64_t superpages = 0;
  for (uint32_t i = 0; i < boot.region_count; ++i) {
    superpages += boot.regions[i].length / kSuperpageSize + 3;
  }
  const uint64_t directories = superpages / 512 + boot.region_count + 8;
  const uint64_t edges = 2 * uint64_t{boot.region_count};
  const uint64_t tables =
      directories + edges + arch::kEarlyTables + arch::kMachinePages + arch::kCpuPages;
  return AlignUp(blocks * sizeof(PageAllocator::Block), kPageSize) + tables * kPageSize;
}

// Cuts the early memory out of a usable region that is mapped one to one.
arch::EarlyMemory TakeEarlyMemory(BootInfo& boot, uint64_t bytes) {
  const arch::EarlyWindow window = arch::FindEarlyWindow(boot);
  for (uint32_t i = 0; i < boot.region_count; ++i) {
    MemoryRegion& region = boot.regions[i];
    if (region.kind != MemoryKind::kUsable || region.start < window.start ||
        region.length < bytes || region.start + bytes > window.end ||
        boot.region_count == kMaxMemoryRegions) {
      continue;
    }
    const uint64_t start = region.start;
    std::copy_backward(boot.regions + i, boot.regions + boot.region_count,
                       boot.regions + boot.region_count + 1);
    ++boot.region_count;
    boot.regions[i] = {start, bytes, MemoryKind::kLoader, 0};
    boot.regions[i + 1].start += bytes;
    boot.regions[i + 1].length -= bytes;
    return {start, start + bytes};
  }
  Fatal("no usable memory for the first page tables");
}

void TakeBootInfo(const BootInfo* boot) {
  // Without one there is no knowing where to complain.
  if (boot->magic != kBootInfoMagic) arch::ResetMachine();
  arch::InitializeConsole(*boot);
  if (boot->version != kBootInfoVersion || boot->size != sizeof(BootInfo)) {
    Fatal("loader and hypervisor are of different versions; update both");
  }
  if (boot->region_count > kMaxMemoryRegions) Fatal("the loader's memory map is corrupt");
  std::memcpy(&g_boot, boot, sizeof(g_boot));
  g_boot.command_line[kCommandLineCapacity - 1] = 0;
}

void LogMachine(const Node& node) {
  Text<200> line;
  line << "bulkhead: " << (node.pages.total_pages() >> 8) << " MiB of memory, counter "
       << arch::CounterHz() / 1000 << " kHz, virtualization: "
       << (arch::VirtualizationProblem() == nullptr ? arch::VirtualizationName()
                                                    : arch::VirtualizationProblem());
  LogLine(line.view());
}

}  // namespace

Node& TheNode() { return g_node; }

extern "C" [[noreturn]] void HypervisorMain(const BootInfo* boot) {
  for (Constructor* c = __init_array_start; c != __init_array_end; ++c) (*c)();
  TakeBootInfo(boot);

  std::span regions(g_boot.regions, g_boot.region_count);
  const uint64_t blocks = PageAllocator::BlocksFor(regions);
  arch::EarlyMemory early = TakeEarlyMemory(g_boot, EarlyBytes(g_boot, blocks));
  const Node::Range early_range = {early.next, early.end - early.next};
  const uint64_t block_bytes = AlignUp(blocks * sizeof(PageAllocator::Block), kPageSize);
  const HostPhysical block_memory = early.Take(block_bytes >> kPageShift);
  const HostPhysical machine_pages = early.Take(arch::kMachinePages);
  Cpu& cpu = g_node.boot_cpu;
  for (HostPhysical& page : cpu.pages) page = early.Take(1);
  arch::EnterOwnAddressSpace(g_boot, early);

  g_node.own = {Node::Range{g_boot.image_physical, g_boot.image_length}, early_range};
  g_node.pages.Initialize({g_boot.regions, g_boot.region_count},
                          {arch::ToPointer<PageAllocator::Block>(block_memory), blocks});
  arch::InitializeMachine(cpu, machine_pages);
  const Status status = arch::InitializeCpu(cpu);
  if (status != Status::kOk && status != Status::kNotSupported) Fatal(StatusName(status));
  cpu.scheduler.Initialize(arch::CounterHz() / kSliceHz);
  LogMachine(g_node);

  g_node.lock.Acquire(cpu);
  StartRootTask(g_node, g_boot);
  Dispatch(g_node, cpu);
}

}  // namespace bulkhead
