// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/pvh.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/align.h"
#include "boot/pvh/start_info.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead {
namespace {

// Address range types (ACPI 6.4, table 15.4).
constexpr uint32_t kRangeRam = 1;
constexpr uint32_t kRangeAcpi = 3;

constexpr uint64_t kFourGib = uint64_t{4} << 30;

// Segment attributes: present, 4 GiB in pages, 32-bit, accessed.
constexpr uint16_t kFlatCode = 0xc9b;  // execute and read
constexpr uint16_t kFlatData = 0xc93;  // read and write
constexpr uint16_t kBusyTask = 0x08b;
constexpr uint32_t kTaskLimit = 0x67;

// The selectors mean nothing: there is no descriptor table, a kernel loads its own first.
constexpr uint16_t kCodeSelector = 0x08;
constexpr uint16_t kDataSelector = 0x10;
constexpr uint16_t kTaskSelector = 0x18;

PvhError NoMemory(uint64_t needed, uint64_t available) {
  PvhError error;
  error.kind = PvhErrorKind::kNoMemory;
  error.needed = AlignUp(needed, uint64_t{1} << 20);
  error.available = available;
  return error;
}

PvhError BadKernel(const ElfError& elf) {
  PvhError error;
  error.kind = PvhErrorKind::kBadKernel;
  error.elf = elf;
  return error;
}

// Where everything goes; nothing is written yet.
struct Plan {
  uint64_t kernel_end = 0;
  uint64_t initramfs_start = 0;
};

PvhError MakePlan(const PvhGuest& guest, const ElfImage& kernel, const GuestMemory& memory,
                  Plan& plan) {
  for (const ElfSegment& segment : kernel.segments()) {
    // The entry is 32-bit code: it reaches nothing higher.
    if (segment.physical_address < layout::kKernelLowest ||
        !RangeWithin(segment.physical_address, segment.memory_size, kFourGib)) {
      PvhError error;
      error.kind = PvhErrorKind::kKernelPlace;
      error.address = segment.physical_address;
      return error;
    }
    plan.kernel_end = std::max(plan.kernel_end, segment.physical_address + segment.memory_size);
  }
  const uint64_t low = memory.low().bytes.size();
  const uint64_t size = AlignUp(guest.initramfs.size(), kPageSize);
  const uint64_t needed = plan.kernel_end + size + kPvhWorkingMemory;
  if (needed > low) return NoMemory(needed, memory.size());
  // As high as it goes: the kernel's own early allocations come from below.
  plan.initramfs_start = AlignDown(low, kPageSize) - size;
  return {};
}

// Every destination lies in RAM: the plan was checked, and the rest is below kKernelLowest.
void CopyTo(const GuestMemory& memory, uint64_t address, std::span<const std::byte> bytes) {
  const auto to = memory.Slice(GuestPhysical{address}, bytes.size());
  if (to && !bytes.empty()) std::memcpy(to->data(), bytes.data(), bytes.size());
}

void LoadSegment(const GuestMemory& memory, const ElfSegment& segment) {
  CopyTo(memory, segment.physical_address, segment.data);
  const uint64_t rest = segment.memory_size - segment.data.size();
  const auto zeros =
      memory.Slice(GuestPhysical{segment.physical_address} + segment.data.size(), rest);
  if (zeros && rest != 0) std::memset(zeros->data(), 0, zeros->size());
}

uint32_t WriteMemoryMap(const GuestMemory& memory) {
  const uint64_t low_end = memory.low().bytes.size();
  std::array<PvhMemoryRange, 4> map = {{
      {0, layout::kAcpiTables, kRangeRam, 0},
      {layout::kAcpiTables, layout::kAcpiTablesSize, kRangeAcpi, 0},
      {layout::kKernelLowest, low_end - layout::kKernelLowest, kRangeRam, 0},
      {memory.high().start, memory.high().bytes.size(), kRangeRam, 0},
  }};
  const uint32_t count = memory.high().bytes.empty() ? 3 : 4;
  CopyTo(memory, layout::kMemoryMap, std::as_bytes(std::span(map).first(count)));
  return count;
}

void WriteStartInfo(const PvhGuest& guest, const Plan& plan, const GuestMemory& memory) {
  PvhStartInfo info{};
  info.magic = kPvhMagic;
  info.version = kPvhVersion;
  info.rsdp = Raw(guest.rsdp);
  info.memory_map = layout::kMemoryMap;
  info.memory_map_count = WriteMemoryMap(memory);
  info.command_line = layout::kCommandLine;
  CopyTo(memory, layout::kCommandLine, std::as_bytes(std::span(guest.command_line)));
  memory.Write(GuestPhysical{layout::kCommandLine} + guest.command_line.size(), char{0});
  if (!guest.initramfs.empty()) {
    const PvhModule module{plan.initramfs_start, guest.initramfs.size(), 0, 0};
    memory.Write(GuestPhysical{layout::kModuleList}, module);
    info.modules = layout::kModuleList;
    info.module_count = 1;
  }
  memory.Write(GuestPhysical{layout::kStartInfo}, info);
}

EntryState MakeEntry(uint32_t entry) {
  EntryState state;
  state.gpr[kGprRbx] = layout::kStartInfo;
  state.rip = entry;
  state.rflags = 2;  // the bit that is always set
  state.cr0 = kCr0Pe | kCr0Et;
  state.code = {kCodeSelector, kFlatCode, 0xffffffff, 0};
  state.data = {kDataSelector, kFlatData, 0xffffffff, 0};
  state.task = {kTaskSelector, kBusyTask, kTaskLimit, 0};
  return state;
}

}  // namespace

TextWriter& operator<<(TextWriter& out, const PvhError& error) {
  constexpr uint64_t kMib = uint64_t{1} << 20;
  switch (error.kind) {
    case PvhErrorKind::kNone:
      return out << "no error";
    case PvhErrorKind::kBadKernel:
      return out << "the kernel cannot be loaded: " << error.elf;
    case PvhErrorKind::kKernelPlace:
      return out << "the kernel wants to be loaded at " << Hex{error.address}
                 << ", outside the range from 1 MiB to 4 GiB";
    case PvhErrorKind::kNoMemory:
      return out << "kernel and initramfs need " << error.needed / kMib
                 << " MiB of memory, the pod has " << error.available / kMib << " MiB";
    case PvhErrorKind::kCommandLineTooLong:
      return out << "the kernel command line has " << error.needed << " bytes, at most "
                 << error.available << " are possible";
  }
  return out;
}

PvhError LoadPvhKernel(const PvhGuest& guest, const GuestMemory& memory, LoadedKernel& loaded) {
  if (guest.command_line.size() >= layout::kCommandLineSize) {
    PvhError error;
    error.kind = PvhErrorKind::kCommandLineTooLong;
    error.needed = guest.command_line.size();
    error.available = layout::kCommandLineSize - 1;
    return error;
  }
  ElfImage kernel;
  if (const ElfError error = ElfImage::Parse(guest.kernel, ElfMachine::kX86_64, kernel);
      !error.ok()) {
    return BadKernel(error);
  }
  uint32_t entry = 0;
  if (const ElfError error = kernel.PvhEntry(entry); !error.ok()) return BadKernel(error);
  Plan plan;
  if (const PvhError error = MakePlan(guest, kernel, memory, plan); !error.ok()) return error;

  for (const ElfSegment& segment : kernel.segments()) LoadSegment(memory, segment);
  CopyTo(memory, plan.initramfs_start, guest.initramfs);
  WriteStartInfo(guest, plan, memory);
  loaded.entry = MakeEntry(entry);
  loaded.kernel_start = kernel.PhysicalRange().start;
  loaded.kernel_end = plan.kernel_end;
  loaded.initramfs_start = guest.initramfs.empty() ? 0 : plan.initramfs_start;
  return {};
}

}  // namespace bulkhead
