// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The hypervisor's own address space. W^X: text is executable and not writable, everything else
// the other way round; the image has no second, writable mapping.

#include "arch/paging.h"

#include <algorithm>
#include <cstring>

#include "arch/cpu.h"
#include "arch/log.h"
#include "arch/x86_64/local_apic.h"
#include "arch/x86_64/registers.h"
#include "arch/x86_64/start_cpu.h"

extern "C" {
extern char __text_start[], __text_end[];
extern char __rodata_start[], __rodata_end[];
extern char __data_start[], __image_end[];
}

namespace bulkhead::arch {
namespace {

HostPhysical g_kernel_root;

// Tables while memory is still mapped one to one.
struct EarlyEnvironment {
  EarlyMemory& memory;

  Result<HostPhysical> AllocateTable() { return memory.Take(1); }
  void FreeTable(HostPhysical) {}
  static uint64_t* Entries(HostPhysical table) { return reinterpret_cast<uint64_t*>(Raw(table)); }
  static void Write(uint64_t* entry, uint64_t value) { *entry = value; }
};

class Builder {
 public:
  Builder(EarlyMemory& memory, bool gigabyte_pages)
      : environment_{memory}, largest_(gigabyte_pages ? 3 : 2), table_(memory.Take(1)) {}

  // Maps with the largest pages that fit.
  void Map(uint64_t address, uint64_t physical, uint64_t length, PageAttributes attributes) {
    while (length != 0) {
      int level = largest_;
      while (!IsAligned(address | physical, Table::LevelSize(level)) ||
             length < Table::LevelSize(level)) {
        --level;
      }
      if (table_.Prepare(environment_, address, level) != Status::kOk) {
        Fatal("cannot map the hypervisor's memory: the firmware's memory map overlaps");
      }
      table_.Commit(environment_, address, level, static_cast<HostPhysical>(physical), attributes);
      address += Table::LevelSize(level);
      physical += Table::LevelSize(level);
      length -= Table::LevelSize(level);
    }
  }

  // Every entry of the root's upper half exists from the start, so that user address spaces,
  // which copy them, always see the same hypervisor.
  void FillUpperHalf() {
    for (uint64_t i = HostFormat::kTop; i < 512; ++i) {
      uint64_t* entry = EarlyEnvironment::Entries(table_.root()) + i;
      if (!HostFormat::Present(*entry)) {
        *entry = HostFormat::Table(*environment_.AllocateTable()) & ~HostFormat::kUser;
      }
    }
  }

  HostPhysical root() const { return table_.root(); }

 private:
  using Table = PageTable<HostFormat, EarlyEnvironment>;

  EarlyEnvironment environment_;
  int largest_;
  Table table_;
};

uint64_t Address(const char* symbol) { return reinterpret_cast<uint64_t>(symbol); }

// The hypervisor's, and one page where it lies: with these another processor turns paging on.
void MakeStartTables(EarlyMemory& early, uint64_t page) {
  EarlyEnvironment environment{early};
  PageTable<HostFormat, EarlyEnvironment> table(early.Take(1));
  if (table.Prepare(environment, page, 1) != Status::kOk) Fatal("no tables for other processors");
  table.Commit(environment, page, 1, static_cast<HostPhysical>(page), {.execute = true});
  const auto* from = EarlyEnvironment::Entries(g_kernel_root);
  std::copy(from + HostFormat::kTop, from + 512,
            EarlyEnvironment::Entries(table.root()) + HostFormat::kTop);
  FillStartPage(table.root());
}

}  // namespace

HostPhysical EarlyMemory::Take(uint64_t pages) {
  const uint64_t bytes = pages * kPageSize;
  if (end - next < bytes) Fatal("not enough memory for the hypervisor's tables");
  const uint64_t taken = next;
  next += bytes;
  std::memset(reinterpret_cast<void*>(taken), 0, bytes);
  return static_cast<HostPhysical>(taken);
}

void EnterOwnAddressSpace(BootInfo& boot, EarlyMemory& early) {
  const uint64_t start_page = ReserveStartPage(boot);
  Builder builder(early, (Cpuid(0x80000001).edx & (1 << 26)) != 0);

  // The direct map: RAM, but for the image.
  const uint64_t image_start = boot.image_physical;
  const uint64_t image_end = AlignUp(boot.image_physical + boot.image_length, kPageSize);
  for (uint32_t i = 0; i < boot.region_count; ++i) {
    const MemoryRegion& region = boot.regions[i];
    if (region.kind != MemoryKind::kUsable && region.kind != MemoryKind::kLoader) continue;
    const auto map = [&](uint64_t start, uint64_t end) {
      if (start < end) builder.Map(kDirectMap + start, start, end - start, {.write = true});
    };
    const uint64_t start = region.start;
    const uint64_t end = region.start + region.length;
    map(start, std::min(end, image_start));
    map(std::max(start, image_end), end);
  }

  const auto map_image = [&](const char* from, const char* to, PageAttributes attributes) {
    const uint64_t start = AlignDown(Address(from), kPageSize);
    const uint64_t end = AlignUp(Address(to), kPageSize);
    builder.Map(start, boot.image_physical + (start - kImageBase), end - start, attributes);
  };
  map_image(__text_start, __text_end, {.execute = true});
  map_image(__rodata_start, __rodata_end, {});
  map_image(__data_start, __image_end, {.write = true});

  builder.Map(kDeviceMap, LocalApicPhysical(), kPageSize, {.write = true, .device = true});
  builder.Map(StackTop(0) - kStackBytes, Raw(early.Take(kStackBytes >> kPageShift)), kStackBytes,
              {.write = true});
  builder.FillUpperHalf();

  g_kernel_root = builder.root();
  if (start_page != 0) MakeStartTables(early, start_page);
  WriteMsr(kMsrEfer, ReadMsr(kMsrEfer) | kEferNxe);
  WriteCr0(ReadCr0() | kCr0Wp);
  WriteCr3(Raw(g_kernel_root));
}

HostPhysical KernelRoot() { return g_kernel_root; }

void ActivateAddressSpace(HostPhysical root) {
  if (ReadCr3() != Raw(root)) WriteCr3(Raw(root));
}

void ShareKernelHalf(HostPhysical root) {
  const auto* from = ToPointer<uint64_t>(g_kernel_root);
  std::copy(from + HostFormat::kTop, from + 512, ToPointer<uint64_t>(root) + HostFormat::kTop);
}

}  // namespace bulkhead::arch
