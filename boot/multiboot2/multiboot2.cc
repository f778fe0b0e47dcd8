// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The C++ half of the entry for multiboot2 loaders.

#include <cstddef>
#include <cstdint>

#include "boot/early_console.h"
#include "boot/multiboot2/information.h"
#include "boot/x86_64/com1.h"
#include "boot/x86_64/loader_entry.h"

// Returns the physical address of the BootInfo.
extern "C" uint64_t Multiboot2Main(uint64_t information, uint64_t magic);

uint64_t Multiboot2Main(uint64_t information, uint64_t magic) {
  using namespace bulkhead;  // NOLINT: an entry point, not a header
  constexpr char kMisplaced[] = "multiboot2: the information lies where it should not";
  EarlyConsoleInit(kComPort1);
  if (magic != kMultiboot2Magic) EarlyFatal("started by something that is no multiboot2 loader");
  // Tags, and with them the memory map in one of them, are aligned as the whole is.
  if (!IsAligned(information, alignof(E820Range))) EarlyFatal(kMisplaced);
  const uint32_t size = Physical<Multiboot2Header>(information, 1, kMisplaced).front().total_size;
  if (size > kMaxMultiboot2Information) EarlyFatal("multiboot2: the information is too long");

  LoaderHandover handover;
  const auto bytes = Physical<std::byte>(information, size, kMisplaced);
  if (const char* wrong = ReadMultiboot2Information(bytes, information, handover)) {
    EarlyFatal(wrong);
  }
  return HandOver(handover);
}
