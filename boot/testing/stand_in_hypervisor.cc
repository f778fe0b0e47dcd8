// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Takes the hypervisor's place in tests of the loaders: prints the BootInfo on the UART it names
// and checks what the contract in boot/boot_info.h promises, then resets the machine.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/format.h"
#include "boot/boot_info.h"
#include "boot/bundle.h"
#include "boot/early_console.h"
#include "boot/layout.h"
#include "boot/testing/stand_in_machine.h"

extern "C" {
extern const char __image_start[];
extern const char __image_end[];
extern const char __text_start[];
extern void (*__init_array_start[])();
extern void (*__init_array_end[])();
[[noreturn]] void HypervisorMain(bulkhead::BootInfo* boot_info);
}

namespace bulkhead {
namespace {

constexpr const char* kKinds[] = {"reserved", "usable", "acpi", "loader"};

// Initialised data and zeroed data, to see that both arrive.
volatile uint64_t g_data = 0x1122334455667788;
volatile uint64_t g_bss[1024];
uint64_t g_constructed = 0;
struct Constructor {
  Constructor() { g_constructed = g_data; }
};
Constructor g_constructor;

template <typename... Parts>
void Print(const Parts&... parts) {
  Text<1200> line;
  (line << ... << parts);
  EarlyConsoleWrite(line.view());
  EarlyConsoleWrite("\n");
}

void Check(bool good, std::string_view what) { Print(good ? "ok: " : "BAD: ", what); }

bool AllZero(std::span<const volatile uint64_t> words) {
  for (const volatile uint64_t& word : words) {
    if (word != 0) return false;
  }
  return true;
}

void PrintGic(const GicInfo& gic) {
  Print("gicd ", Hex{gic.distributor}, " its ", Hex{gic.its}, " maintenance ",
        gic.maintenance_interrupt, " timers ", gic.virtual_timer_interrupt, ' ',
        gic.physical_timer_interrupt, ' ', gic.hypervisor_timer_interrupt);
  for (uint32_t i = 0; i < gic.redistributor_count; ++i) {
    Print("gicr ", Hex{gic.redistributors[i].start}, " length ", Hex{gic.redistributors[i].length});
  }
}

void PrintInfo(const BootInfo& info) {
  Print("image ", Hex{info.image_physical}, " length ", Hex{info.image_length});
  Print("bundle ", Hex{info.bundle_physical}, " length ", Hex{info.bundle_length});
  Print("serial ", Hex{info.serial_address});
  Print("acpi ", Hex{info.acpi_rsdp});
  Print("wall clock ", info.wall_clock / 1'000'000'000, " s");
  if (info.gic.distributor != 0) PrintGic(info.gic);
  Print("command line [", info.command_line, "]");
  uint64_t usable = 0;
  for (uint32_t i = 0; i < info.region_count; ++i) {
    const MemoryRegion& region = info.regions[i];
    Print("region ", Hex{region.start, 12}, ' ', Hex{region.start + region.length, 12}, ' ',
          kKinds[static_cast<uint32_t>(region.kind) & 3]);
    if (region.kind == MemoryKind::kUsable) usable += region.length;
  }
  Print("usable MiB ", usable >> 20);
}

void CheckStarts(uint64_t address, std::string_view magic, std::string_view what) {
  if (address == 0) return;
  Check(std::string_view(reinterpret_cast<const char*>(address), magic.size()) == magic, what);
}

bool IsUsable(const BootInfo& info, uint64_t address) {
  for (uint32_t i = 0; i < info.region_count; ++i) {
    const MemoryRegion& region = info.regions[i];
    if (region.kind == MemoryKind::kUsable && address >= region.start &&
        address - region.start < region.length) {
      return true;
    }
  }
  return false;
}

void CheckInfo(const BootInfo& info) {
  Check(info.magic == kBootInfoMagic, "magic");
  Check(info.version == kBootInfoVersion && info.size == sizeof(BootInfo), "version and size");
  Check(info.image_physical % 0x200000 == 0, "image aligned");
  Check(info.image_length == static_cast<uint64_t>(__image_end - __image_start), "image length");
  Check(reinterpret_cast<uint64_t>(__image_start) == BULKHEAD_IMAGE_VIRTUAL, "link address");
  // The same bytes through both mappings.
  const auto* identity = reinterpret_cast<const volatile uint64_t*>(info.image_physical);
  const auto* linked = reinterpret_cast<const volatile uint64_t*>(__text_start);
  bool same = true;
  for (int i = 0; i < 512; ++i) same = same && identity[i] == linked[i];
  Check(same, "image mapped one to one and at its link address");
  bool sorted = true;
  bool carved = false;
  for (uint32_t i = 0; i < info.region_count; ++i) {
    const MemoryRegion& region = info.regions[i];
    sorted = sorted && region.start % 4096 == 0 && region.length % 4096 == 0 &&
             (i == 0 || info.regions[i - 1].start + info.regions[i - 1].length <= region.start);
    carved = carved || (region.kind == MemoryKind::kLoader && region.start <= info.image_physical &&
                        region.start + region.length >= info.image_physical + info.image_length);
  }
  Check(sorted, "regions sorted and page-aligned");
  Check(carved, "image in a loader region");
  CheckStarts(info.acpi_rsdp, "RSD PTR ", "rsdp");
  Check(!IsUsable(info, info.acpi_rsdp), "rsdp in no usable region");
  CheckStarts(info.devicetree, "\xd0\x0d\xfe\xed", "devicetree");
}

void CheckMachine() {
  Check(g_data == 0x1122334455667788 && AllZero(g_bss), "data and zeroed data");
  for (auto function = __init_array_start; function != __init_array_end; ++function) {
    (*function)();
  }
  Check(g_constructed == g_data, "constructors");
  Check(InterruptsAreOff(), "interrupts off");
  Check(TranslationIsOn(), "paging and write protection");
  uint64_t address = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
  Check(address >= reinterpret_cast<uint64_t>(__image_start) &&
            address < reinterpret_cast<uint64_t>(__image_end),
        "stack in the image");
}

void PrintBundle(const BootInfo& info) {
  Bundle bundle;
  const BundleError error = Bundle::Open(
      {reinterpret_cast<const std::byte*>(info.bundle_physical), info.bundle_length}, bundle);
  if (!error.ok()) return Print(error);
  for (const BundleEntry& entry : bundle) {
    uint64_t sum = 0;
    for (const std::byte byte : entry.data) sum = sum * 31 + static_cast<uint8_t>(byte);
    Print("entry ", entry.name, " size ", entry.data.size(), " sum ", sum);
  }
}

}  // namespace
}  // namespace bulkhead

void HypervisorMain(bulkhead::BootInfo* boot_info) {
  using namespace bulkhead;  // NOLINT: an entry point, not a header
  EarlyConsoleInit(boot_info->serial_address);
  Print("stand-in hypervisor");
  PrintInfo(*boot_info);
  CheckInfo(*boot_info);
  CheckMachine();
  PrintBundle(*boot_info);
  if (std::string_view(boot_info->command_line) == "fault") __builtin_trap();
  Print("end of stand-in");
  EarlyReset();
}
