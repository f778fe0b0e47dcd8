// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Message interrupts: the interrupt translation service (Arm IHI 0069, 5) turns a device's write
// into a locality-specific interrupt (LPI) of this CPU. Few devices, few events, flat tables.

#include <array>
#include <span>

#include "arch/aarch64/gic.h"
#include "arch/aarch64/registers.h"
#include "arch/aarch64/traps.h"
#include "arch/log.h"
#include "arch/paging.h"
#include "base/align.h"

namespace bulkhead::arch {
namespace {

// ITS registers (12.19) and those of the redistributor for LPIs (12.11).
constexpr uint64_t kControl = 0x0;
constexpr uint32_t kQuiescent = uint32_t{1} << 31;  // off, and nothing is under way
constexpr uint64_t kType = 0x8;
constexpr uint64_t kCommandBase = 0x80;
constexpr uint64_t kCommandWriter = 0x88;
constexpr uint64_t kCommandReader = 0x90;
constexpr uint64_t kTableBase = 0x100;  // GITS_BASER0 to 7
constexpr uint64_t kTranslater = 0x10040;
constexpr uint64_t kTypePhysicalTarget = 1 << 19;  // PTA: collections name the redistributor
constexpr uint64_t kLpiControl = 0x0;
constexpr uint32_t kLpiEnable = 1 << 0;
constexpr uint64_t kProcessorNumberType = 0x8;
constexpr uint64_t kConfigurationBase = 0x70;
constexpr uint64_t kPendingBase = 0x78;

constexpr uint64_t kValid = uint64_t{1} << 63;
// Normal memory, write-back, inner shareable, as the fields of each register have it.
constexpr uint64_t kTableCached = uint64_t{7} << 59 | 1 << 10;
constexpr uint64_t kLpiCached = 7 << 7 | 1 << 10;
constexpr uint64_t kDeviceTable = 1;
constexpr uint64_t kCollectionTable = 4;

constexpr int kPatience = 1000000;  // reads of a register that should change at once

// INTIDs have 14 bits: LPIs 8192 to 16383, a byte of configuration and a bit of state each.
constexpr uint64_t kIntidBits = 14;
constexpr uint64_t kEventBits = 3;
constexpr uint64_t kMaxDevices = 16;
constexpr uint64_t kDeviceTablePages = 16;

// The pages that InitializeMessages gets; the first are 64 KiB aligned as the pending table needs.
constexpr uint64_t kPendingPages = 16;
constexpr uint64_t kConfigurationPages = 2;
constexpr uint64_t kTranslationPages = 4;
static_assert(kPendingPages + kDeviceTablePages + kConfigurationPages + kTranslationPages + 2 <=
              kGicPages);

struct Command {
  uint64_t word[4];
};
enum CommandKind : uint64_t {  // 5.3
  kMapDevice = 0x08,
  kMapCollection = 0x09,
  kMapEvent = 0x0a,
  kInvalidate = 0x0c,
  kSynchronize = 0x05,
};
constexpr uint64_t kCommands = kPageSize / sizeof(Command);

struct Device {
  uint64_t id;
  uint32_t events;
};

uint64_t g_its;
HostPhysical g_its_physical;
uint8_t* g_configuration;
Command* g_queue;
HostPhysical g_translations;
uint64_t g_next_command;
uint64_t g_target;
uint64_t g_device_limit;
std::array<Device, kMaxDevices> g_devices;
uint32_t g_device_count;

volatile uint64_t& Register64(uint64_t base, uint64_t offset) {
  return *reinterpret_cast<volatile uint64_t*>(base + offset);
}
volatile uint32_t& Register32(uint64_t base, uint64_t offset) {
  return *reinterpret_cast<volatile uint32_t*>(base + offset);
}

// For an ITS whose tables are not kept coherent: what was written reaches memory.
void CleanToMemory(const void* start) {
  asm volatile("dc cvac, %0; dsb sy" : : "r"(start) : "memory");
}

bool Issue(const Command& command) {
  Command* slot = g_queue + g_next_command;
  *slot = command;
  CleanToMemory(slot);
  g_next_command = (g_next_command + 1) % kCommands;
  Register64(g_its, kCommandWriter) = g_next_command * sizeof(Command);
  for (int i = 0; i < kPatience; ++i) {
    if (Register64(g_its, kCommandReader) == g_next_command * sizeof(Command)) return true;
  }
  return false;  // stalled: a command it did not like
}

// Gives the ITS its tables of one kind; returns how many entries it can have.
uint64_t SetTable(uint64_t kind, HostPhysical memory, uint64_t pages) {
  for (uint64_t i = 0; i < 8; ++i) {
    volatile uint64_t& base = Register64(g_its, kTableBase + 8 * i);
    const uint64_t value = base;
    if ((value >> 56 & 7) != kind) continue;
    base = kValid | kTableCached | Raw(memory) | (pages - 1);  // pages of 4 KiB
    if ((base >> 8 & 3) != 0) return 0;                        // it wants larger ones
    const uint64_t entry_bytes = (value >> 48 & 0x1f) + 1;
    return pages * kPageSize / entry_bytes;
  }
  return 0;
}

}  // namespace

void SetIts(uint64_t mapped, uint64_t physical) {
  g_its = mapped;
  g_its_physical = static_cast<HostPhysical>(physical);
}

void InitializeMessages(HostPhysical pages) {
  if (g_its == 0) {
    LogLine("bulkhead: no GICv3 ITS: there are no message interrupts; in QEMU use -M virt,its=on");
    return;
  }
  ClearPages(pages, kGicPages * kPageSize);  // in memory, for tables that are not kept coherent
  const auto take = [&pages](uint64_t count) {
    const HostPhysical taken = pages;
    pages = pages + count * kPageSize;
    return taken;
  };
  const HostPhysical pending = take(kPendingPages);
  const HostPhysical devices = take(kDeviceTablePages);
  const HostPhysical configuration = take(kConfigurationPages);
  const HostPhysical collections = take(1);
  const HostPhysical queue = take(1);
  g_translations = take(kTranslationPages);
  g_configuration = ToPointer<uint8_t>(configuration);
  g_queue = ToPointer<Command>(queue);

  const uint64_t redistributor = Redistributor();
  if ((Register32(redistributor, kLpiControl) & kLpiEnable) != 0) {
    LogLine("bulkhead: the firmware left message interrupts on; there will be none");
    g_its = 0;
    return;
  }
  Register64(redistributor, kConfigurationBase) =
      Raw(configuration) | kLpiCached | (kIntidBits - 1);
  Register64(redistributor, kPendingBase) = Raw(pending) | kLpiCached | uint64_t{1} << 62;
  asm volatile("dsb sy" : : : "memory");
  Register32(redistributor, kLpiControl) = kLpiEnable;

  // QEMU up to 10.0 lists one in the MADT with its=off, too.
  ExplainCrash("the GICv3 ITS that the firmware lists does not answer; in QEMU use -M virt,its=on");
  Register32(g_its, kControl) = 0;
  for (int i = 0; i < kPatience && (Register32(g_its, kControl) & kQuiescent) == 0; ++i) {
  }
  ExplainCrash(nullptr);
  g_device_limit = SetTable(kDeviceTable, devices, kDeviceTablePages);
  // An ITS may keep a few collections itself, and then has no table of them.
  (void)SetTable(kCollectionTable, collections, 1);
  Register64(g_its, kCommandBase) = kValid | kTableCached | Raw(queue);
  Register64(g_its, kCommandWriter) = 0;
  Register32(g_its, kControl) = 1;

  const bool physical = (Register64(g_its, kType) & kTypePhysicalTarget) != 0;
  const uint64_t number = Register64(redistributor, kProcessorNumberType) >> 8 & 0xffff;
  g_target = physical ? RedistributorPhysical() : number << 16;
  if (g_device_limit == 0 || !Issue({kMapCollection, 0, kValid | g_target, 0})) {
    LogLine("bulkhead: the ITS does not work; there are no message interrupts");
    g_its = 0;
  }
}

namespace {

Result<Device*> FindDevice(uint64_t id) {
  for (Device& device : std::span(g_devices).first(g_device_count)) {
    if (device.id == id) return &device;
  }
  if (g_device_count == kMaxDevices) return Status::kNoMemory;
  constexpr uint64_t kTableBytes = kTranslationPages * kPageSize / kMaxDevices;
  const uint64_t entry_bytes = (Register64(g_its, kType) >> 4 & 0xf) + 1;
  if (entry_bytes << kEventBits > kTableBytes) return Status::kNotSupported;
  const HostPhysical table = g_translations + g_device_count * kTableBytes;
  if (!Issue({kMapDevice | id << 32, kEventBits - 1, kValid | Raw(table), 0})) {
    return Status::kNotSupported;
  }
  Device& device = g_devices[g_device_count++];
  device = {id, 0};
  return &device;
}

}  // namespace

Result<GicMessage> MapMessage(uint64_t id, uint32_t index) {
  if (g_its == 0 || id >= g_device_limit) return Status::kNotSupported;
  if (index >= kMaxMessages) return Status::kNoMemory;
  const Result<Device*> device = FindDevice(id);
  if (!device.ok()) return device.status();
  if ((*device)->events == 1 << kEventBits) return Status::kNoMemory;
  const uint32_t event = (*device)->events++;
  const uint64_t intid = kFirstMessageInterrupt + index;
  g_configuration[index] = 0xa0 | 1;  // priority, enabled
  CleanToMemory(g_configuration + index);
  if (!Issue({kMapEvent | id << 32, event | intid << 32, 0, 0}) ||
      !Issue({kInvalidate | id << 32, event, 0, 0}) || !Issue({kSynchronize, 0, g_target, 0})) {
    return Status::kNotSupported;
  }
  return GicMessage{Raw(g_its_physical) + kTranslater, event};
}

}  // namespace bulkhead::arch
