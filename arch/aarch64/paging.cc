// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The hypervisor's own address space. W^X: text is executable and not writable, everything else
// the other way round; the image has no second, writable mapping.

#include "arch/paging.h"

#include <algorithm>
#include <cstring>

#include "arch/aarch64/console.h"
#include "arch/aarch64/gic.h"
#include "arch/aarch64/registers.h"
#include "arch/aarch64/start_cpu.h"
#include "arch/cpu.h"
#include "arch/log.h"
#include "base/align.h"

extern "C" {
extern char __text_start[], __text_end[];
extern char __rodata_start[], __rodata_end[];
extern char __data_start[], __image_end[];
}

namespace bulkhead::arch {
namespace {

constexpr uint64_t kGigabyte = uint64_t{1} << 30;
constexpr uint64_t kAsid = uint64_t{1} << 48;  // in TTBR1_EL2, for both halves (TCR_EL2.A1)

HostPhysical g_no_user;  // an empty table for the lower half
HostPhysical g_hypervisor;
HostPhysical g_image;

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
  explicit Builder(EarlyMemory& memory) : environment_{memory}, table_(memory.Take(1)) {}

  // Maps with the largest pages that fit.
  void Map(uint64_t address, uint64_t physical, uint64_t length, PageAttributes attributes) {
    while (length != 0) {
      int level = 3;
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

  // Maps registers at the next free place for them; returns where.
  uint64_t MapDevice(uint64_t physical, uint64_t length) {
    const uint64_t start = AlignDown(physical, kPageSize);
    const uint64_t bytes = AlignUp(physical + length, kPageSize) - start;
    const uint64_t address = device_ + start % kSuperpageSize;
    if (address + bytes > kStackMap) Fatal("the interrupt controller has too many registers");
    Map(address, start, bytes, {.write = true, .device = true});
    device_ = AlignUp(address + bytes, kSuperpageSize) + kSuperpageSize;
    return address + (physical - start);
  }

  HostPhysical root() const { return table_.root(); }

 private:
  using Table = PageTable<HostFormat, EarlyEnvironment>;

  EarlyEnvironment environment_;
  Table table_;
  uint64_t device_ = kDeviceMap;
};

uint64_t Address(const char* symbol) { return reinterpret_cast<uint64_t>(symbol); }

// RAM, but for the image.
void MapMemory(Builder& builder, const BootInfo& boot) {
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
}

void MapImage(Builder& builder, const BootInfo& boot) {
  const auto map = [&](const char* from, const char* to, PageAttributes attributes) {
    const uint64_t start = AlignDown(Address(from), kPageSize);
    const uint64_t end = AlignUp(Address(to), kPageSize);
    builder.Map(start, boot.image_physical + (start - kImageBase), end - start, attributes);
  };
  map(__text_start, __text_end, {.execute = true});
  map(__rodata_start, __rodata_end, {});
  map(__data_start, __image_end, {.write = true});
}

void MapDevices(Builder& builder, const BootInfo& boot) {
  const GicInfo& gic = boot.gic;
  if (gic.distributor == 0) Fatal("no GICv3 was found; in QEMU use -M virt,gic-version=3");
  if (gic.redistributor_count > kMaxRedistributorRegions) Fatal("the BootInfo is corrupt");
  GicMapping mapping;
  mapping.distributor = builder.MapDevice(gic.distributor, kGicDistributorBytes);
  for (uint32_t i = 0; i < gic.redistributor_count; ++i) {
    mapping.redistributors[i] =
        builder.MapDevice(gic.redistributors[i].start, gic.redistributors[i].length);
  }
  if (gic.its != 0) mapping.its = builder.MapDevice(gic.its, kGicItsBytes);
  SetGic(gic, mapping);
}

}  // namespace

EarlyWindow FindEarlyWindow(const BootInfo& boot) {
  const uint64_t start = AlignDown(boot.image_physical, kGigabyte);
  return {start, start + kGigabyte};
}

HostPhysical EarlyMemory::Take(uint64_t pages) {
  const uint64_t bytes = pages * kPageSize;
  if (end - next < bytes) Fatal("not enough memory for the hypervisor's tables");
  const uint64_t taken = next;
  next += bytes;
  std::memset(reinterpret_cast<void*>(taken), 0, bytes);
  return static_cast<HostPhysical>(taken);
}

void EnterOwnAddressSpace(const BootInfo& boot, EarlyMemory& early) {
  g_image = static_cast<HostPhysical>(boot.image_physical);
  Builder builder(early);
  MapMemory(builder, boot);
  MapImage(builder, boot);
  MapDevices(builder, boot);
  const uint64_t console = HasConsole() ? builder.MapDevice(boot.serial_address, kPageSize) : 0;
  builder.Map(StackTop(0) - kStackBytes, Raw(early.Take(kStackBytes >> kPageShift)), kStackBytes,
              {.write = true});
  g_no_user = early.Take(1);

  // Blocks become pages under this very code, without break-before-make (Arm ARM D8.14.1): with the
  // new table comes a new ASID, and start.S has mapped the image with the old one.
  g_hypervisor = builder.root();
  asm volatile("dsb ishst" : : : "memory");
  BULKHEAD_WRITE_REGISTER(ttbr1_el2, kAsid | Raw(g_hypervisor));
  InstructionBarrier();
  if (console != 0) MoveConsole(console);
  BULKHEAD_WRITE_REGISTER(ttbr0_el2, Raw(g_no_user));
  InstructionBarrier();
  asm volatile("tlbi alle2; dsb ish; isb" : : : "memory");
}

void AdoptAddressSpace() {
  BULKHEAD_WRITE_REGISTER(ttbr1_el2, kAsid | Raw(g_hypervisor));
  BULKHEAD_WRITE_REGISTER(ttbr0_el2, Raw(g_no_user));
  InstructionBarrier();
  asm volatile("tlbi alle2; dsb nsh; isb" : : : "memory");
}

HostPhysical ImagePhysical(const void* pointer) {
  return g_image + (reinterpret_cast<uint64_t>(pointer) - kImageBase);
}

HostPhysical KernelRoot() { return g_no_user; }
HostPhysical HypervisorRoot() { return g_hypervisor; }

void ActivateAddressSpace(HostPhysical root) {
  BULKHEAD_WRITE_REGISTER(ttbr0_el2, Raw(root));
  InstructionBarrier();
  asm volatile("tlbi alle2; dsb nsh; isb" : : : "memory");
}

}  // namespace bulkhead::arch
