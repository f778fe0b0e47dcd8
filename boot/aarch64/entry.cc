// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The C++ half of both entries: called by start.S at the image's link address.

#include <cstddef>
#include <cstdint>

#include "base/format.h"
#include "boot/aarch64/image_entry.h"
#include "boot/aarch64/refusals.h"
#include "boot/aarch64/start.h"
#include "boot/boot_info.h"
#include "boot/early_console.h"

extern "C" {
// Checks what the loader's argument, a physical address, points to. Returns the physical address
// of the BootInfo. Fatal if there is a refusal.
uint64_t BootMain(uint64_t entry, uint64_t argument, uint64_t refusal, uint64_t image_physical);
[[noreturn]] void BootException(uint64_t syndrome, uint64_t instruction, uint64_t address);
}

namespace bulkhead {
namespace {

bool g_excepted = false;

void OpenConsoleOf(uint64_t boot_info) {
  const auto* info = reinterpret_cast<const BootInfo*>(boot_info);
  if (boot_info % alignof(BootInfo) != 0 || info->magic != kBootInfoMagic) return;
  if (info->serial_kind == SerialKind::kPl011) EarlyConsoleInit(info->serial_address);
}

}  // namespace
}  // namespace bulkhead

uint64_t BootMain(uint64_t entry, uint64_t argument, uint64_t refusal, uint64_t image_physical) {
  using namespace bulkhead;  // NOLINT: an entry point, not a header
  const bool by_image = entry == BULKHEAD_ENTRY_IMAGE;
  if (by_image) {
    OpenDevicetree(argument);
  } else {
    OpenConsoleOf(argument);
  }
  if (refusal == BULKHEAD_REFUSAL_NOT_EL2) {
    if (by_image) UsePsciOfDevicetree();
    EarlyFatal(kStartedAtEl1);
  }
  if (refusal == BULKHEAD_REFUSAL_NO_VHE) EarlyFatal(kNoVhe);
  return by_image ? MakeImageBootInfo(image_physical) : argument;
}

void BootException(uint64_t syndrome, uint64_t instruction, uint64_t address) {
  using namespace bulkhead;  // NOLINT: an entry point, not a header
  // Firmware without the reset that we ask for, perhaps: said once, then silence.
  if (g_excepted) {
    for (;;) asm volatile("wfi");
  }
  g_excepted = true;
  Text<> text;
  text << "exception while booting: ESR " << Hex{syndrome} << " at " << Hex{instruction}
       << ", address " << Hex{address};
  EarlyFatal(text.view());
}
