// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/aarch64/image_entry.h"

#include <cstddef>
#include <span>

#include "base/align.h"
#include "boot/aarch64/counter.h"
#include "boot/aarch64/psci.h"
#include "boot/boot_info.h"
#include "boot/devicetree/devicetree.h"
#include "boot/devicetree/handover.h"
#include "boot/early_console.h"
#include "boot/handover.h"
#include "boot/layout.h"

extern "C" {
extern const char __image_start[];
extern const char __image_end[];
}

namespace bulkhead {
namespace {

constexpr uint64_t kMappedLimit = uint64_t{1} << 48;

BootInfo g_boot_info;
DevicetreeHandover g_handover;

// The data register of a PL031: seconds since 1970 (Arm DDI 0224, 3.3.1).
uint64_t ReadClock(uint64_t address) {
  uint32_t seconds;
  asm volatile("ldr %w0, [%1]" : "=r"(seconds) : "r"(address) : "memory");
  return seconds;
}

uint64_t WallClock() {
  constexpr uint64_t kSecond = 1'000'000'000;  // ns
  const uint64_t address = g_handover.tree.FindClock();
  if (address == 0) return 0;
  return WallClockAtCounterZero(ReadClock(address) * kSecond, ReadCounter(), CounterHz());
}

}  // namespace

void OpenDevicetree(uint64_t physical) {
  // Without a devicetree there is no UART to complain on: the machine starts again.
  if (physical == 0 || physical >= kMappedLimit || !IsAligned(physical, 8)) EarlyReset();
  const auto* bytes = reinterpret_cast<const std::byte*>(physical);
  g_handover.tree_physical = physical;
  g_handover.tree_length = Devicetree::LengthOf(bytes);
  if (Devicetree::Open({bytes, g_handover.tree_length}, g_handover.tree) != nullptr) EarlyReset();
  SerialKind kind = SerialKind::kNone;
  uint64_t address = 0;
  if (g_handover.tree.ReadSerial(kind, address) == nullptr) EarlyConsoleInit(address);
}

void UsePsciOfDevicetree() {
  if (g_handover.tree.PsciByHvc()) SetEarlyPsciConduit(PsciConduit::kHvc);
}

uint64_t MakeImageBootInfo(uint64_t image_physical) {
  g_handover.image_physical = image_physical;
  g_handover.image_length = static_cast<uint64_t>(__image_end - __image_start);
  if (const char* wrong = MakeBootInfo(g_handover, g_boot_info)) EarlyFatal(wrong);
  g_boot_info.wall_clock = WallClock();
  return reinterpret_cast<uint64_t>(&g_boot_info) - BULKHEAD_IMAGE_VIRTUAL + image_physical;
}

}  // namespace bulkhead
