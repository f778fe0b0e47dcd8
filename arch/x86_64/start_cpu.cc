// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Starting the other processors, by INIT and start-up interrupts (Intel SDM 3A, 9.4; AMD APM 2,
// 16.7.3). They need a page below 1 MiB, whose number is the start-up interrupt's vector.

#include "arch/x86_64/start_cpu.h"

#include <algorithm>
#include <cstring>

#include "arch/upcalls.h"
#include "arch/x86_64/local_apic.h"
#include "arch/x86_64/registers.h"
#include "base/align.h"

// start_cpu.S.
extern "C" {
extern const char CpuStart[], CpuStartEnd[];
extern const char CpuStartTables[], CpuStartGdt[], CpuStartFar[];
uint64_t g_starting_stack;
}

namespace bulkhead::arch {
namespace {

constexpr uint64_t kLowMemoryEnd = 0xa0000;  // what follows is the screen's and the firmware's
constexpr uint64_t kInitMicroseconds =
    10;  // between INIT and the start-up interrupt, since Pentium
constexpr uint64_t kStartUpMicroseconds = 200;  // until the second, for those that missed the first

uint64_t g_page;  // physical; 0: there is none
Cpu* g_starting;

void AddAt(char* page, const char* symbol, uint64_t offset, uint32_t value) {
  char* const place = page + (symbol - CpuStart) + offset;
  uint32_t word = 0;
  std::memcpy(&word, place, sizeof(word));
  word += value;
  std::memcpy(place, &word, sizeof(word));
}

}  // namespace

uint64_t ReserveStartPage(BootInfo& boot) {
  for (uint32_t i = 0; i < boot.region_count; ++i) {
    MemoryRegion& region = boot.regions[i];
    if (region.kind != MemoryKind::kUsable) continue;
    // Not the very first page: its vector would be zero, and old firmware keeps things there.
    const uint64_t page = std::max(AlignUp(region.start, kPageSize), kPageSize);
    const uint64_t end = region.start + region.length;
    if (page + kPageSize > std::min(end, kLowMemoryEnd)) continue;
    region.start = page + kPageSize;
    region.length = end - region.start;
    g_page = page;
    return page;
  }
  return 0;
}

void FillStartPage(HostPhysical root) {
  auto* page = reinterpret_cast<char*>(g_page);
  std::memcpy(page, CpuStart, CpuStartEnd - CpuStart);
  const auto base = static_cast<uint32_t>(g_page);
  AddAt(page, CpuStartGdt, 2, base);
  AddAt(page, CpuStartFar, 0, base);
  AddAt(page, CpuStartTables, 0, static_cast<uint32_t>(Raw(root)));
}

bool CanStartCpus() { return g_page != 0; }

Status StartCpu(Cpu& cpu) {
  if (!CanReach(cpu.hardware_id)) return Status::kNotSupported;
  g_starting = &cpu;
  g_starting_stack = StackTop(cpu.index);
  SendInterprocessor(cpu.hardware_id, kInit);
  Delay(kInitMicroseconds);
  const auto start_up = kStartUp | static_cast<uint32_t>(g_page >> kPageShift);
  SendInterprocessor(cpu.hardware_id, start_up);
  Delay(kStartUpMicroseconds);
  SendInterprocessor(cpu.hardware_id, start_up);
  return Status::kOk;
}

extern "C" [[noreturn]] void StartedCpu() {
  WriteCr3(Raw(KernelRoot()));
  EnterStartedCpu(*g_starting);
}

}  // namespace bulkhead::arch
