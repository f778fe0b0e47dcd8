// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// bulkhead.efi: loads \bulkhead\bundle.cpio from the file system it came from, places the
// hypervisor found in it, leaves the boot services and enters the hypervisor with a BootInfo.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/align.h"
#include "base/format.h"
#include "boot/boot_info.h"
#include "boot/bundle.h"
#include "boot/early_console.h"
#include "boot/elf.h"
#include "boot/handover.h"
#include "boot/layout.h"
#include "boot/memory_map.h"
#include "boot/uefi/firmware.h"
#include "boot/uefi/machine.h"
#include "boot/uefi/memory.h"
#include "boot/uefi/uefi.h"

namespace bulkhead::uefi {
namespace {

constexpr uint64_t kMaxImage = BULKHEAD_IMAGE_SUPERPAGES * kSuperpageSize;
// ExitBootServices fails when the map changed meanwhile (UEFI 2.10, 7.4.6). An event handler may
// do that once or twice; firmware that does it each time is broken.
constexpr int kExitAttempts = 8;
// Descriptors that the last allocations and handlers may add to the map.
constexpr uint64_t kSpareDescriptors = 64;

Bundle OpenBundle(const Firmware& firmware, std::span<const std::byte> archive) {
  Bundle bundle;
  if (const BundleError error = Bundle::Open(archive, bundle); !error.ok()) {
    Text<> text;
    text << error;
    firmware.Fatal(text.view());
  }
  return bundle;
}

Hypervisor PlaceHypervisor(const Firmware& firmware, const Bundle& bundle) {
  BundleEntry entry;
  if (const BundleError error = bundle.Require("hypervisor", entry); !error.ok()) {
    Text<> text;
    text << error;
    firmware.Fatal(text.view());
  }
  ElfImage image;
  if (const ElfError error = ElfImage::Parse(entry.data, HypervisorMachine(), image); !error.ok()) {
    Text<> text;
    text << "bundle: hypervisor: " << error;
    firmware.Fatal(text.view());
  }
  const ElfRange range = image.VirtualRange();
  const uint64_t length = range.end - range.start;
  if (range.start != BULKHEAD_IMAGE_VIRTUAL || length > kMaxImage ||
      !image.IsExecutableVirtual(image.entry())) {
    firmware.Fatal("bundle: hypervisor: not a hypervisor image for this loader");
  }
  const uint64_t pages = AlignUp(length, kPageSize) / kPageSize;
  const uint64_t physical = firmware.AllocateSuperpageAligned(pages, "the hypervisor");
  std::memset(reinterpret_cast<void*>(physical), 0, pages * kPageSize);
  for (const ElfSegment& segment : image.segments()) {
    if (segment.data.empty()) continue;
    std::memcpy(reinterpret_cast<void*>(physical + (segment.virtual_address - range.start)),
                segment.data.data(), segment.data.size());
  }
  return {.physical = physical,
          .length = length,
          .virtual_address = range.start,
          .entry = image.entry()};
}

// The command line is the first and only line of \bulkhead\cmdline, if there is one.
void ReadCommandLine(const Firmware& firmware, BootInfo& info) {
  const auto file = firmware.ReadFile(u"\\bulkhead\\cmdline", "cmdline");
  if (!file) return;
  std::string_view text(reinterpret_cast<const char*>(file->data()), file->size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  if (text.size() >= kCommandLineCapacity) firmware.Fatal("cmdline: longer than 1023 bytes");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; })) {
    firmware.Fatal("cmdline: not one line of printable ASCII");
  }
  std::copy(text.begin(), text.end(), info.command_line);
}

// Memory for GetMemoryMap and for what becomes of it, taken before the last look at the map.
struct MapBuffers {
  std::span<std::byte> map;
  std::span<MemoryRegion> ranges;
  MemoryMapView view;
};

// One GetMemoryMap; nothing else may happen between it and ExitBootServices.
EfiStatus GetMemoryMap(const Firmware& firmware, MapBuffers& buffers, uint64_t& key) {
  uint64_t size = buffers.map.size();
  uint64_t descriptor_size = 0;
  uint32_t version = 0;
  const EfiStatus status =
      firmware.boot().get_memory_map(&size, buffers.map.data(), &key, &descriptor_size, &version);
  if (!IsError(status)) buffers.view = {buffers.map.first(size), descriptor_size};
  return status;
}

MapBuffers MakeMapBuffers(const Firmware& firmware) {
  uint64_t size = 0;
  uint64_t key = 0;
  uint64_t descriptor_size = 0;
  uint32_t version = 0;
  if (firmware.boot().get_memory_map(&size, nullptr, &key, &descriptor_size, &version) !=
          kBufferTooSmall ||
      descriptor_size < sizeof(MemoryDescriptor)) {
    firmware.Fatal("the firmware does not give its memory map");
  }
  const uint64_t count = size / descriptor_size + kSpareDescriptors;
  const auto allocate = [&firmware](uint64_t bytes) {
    const uint64_t pages = AlignUp(bytes, kPageSize) / kPageSize;
    return reinterpret_cast<void*>(firmware.AllocatePages(pages, "the memory map"));
  };
  MapBuffers buffers;
  buffers.map = {static_cast<std::byte*>(allocate(count * descriptor_size)),
                 count * descriptor_size};
  buffers.ranges = {static_cast<MemoryRegion*>(allocate(count * sizeof(MemoryRegion))), count};
  if (IsError(GetMemoryMap(firmware, buffers, key))) {
    firmware.Fatal("the firmware does not give its memory map");
  }
  return buffers;
}

// After the first attempt only GetMemoryMap and ExitBootServices may be called (UEFI 2.10, 7.4.6),
// so what fails from then on is told on the UART alone.
void ExitBootServices(const Firmware& firmware, MapBuffers& buffers) {
  for (int i = 0; i < kExitAttempts; ++i) {
    uint64_t key = 0;
    if (IsError(GetMemoryMap(firmware, buffers, key))) break;
    if (!IsError(firmware.boot().exit_boot_services(firmware.image(), key))) return;
  }
  EarlyConsoleInit(firmware.serial().address);
  EarlyFatal("the firmware does not let go: ExitBootServices failed");
}

[[noreturn]] void Run(const Firmware& firmware) {
  firmware.Print("bulkhead: loading the bundle");
  CheckCpu(firmware);
  const auto archive = firmware.ReadFile(u"\\bulkhead\\bundle.cpio", "bundle");
  if (!archive) firmware.Fatal("bundle: no file \\bulkhead\\bundle.cpio");
  const Bundle bundle = OpenBundle(firmware, *archive);
  const Hypervisor hypervisor = PlaceHypervisor(firmware, bundle);

  constexpr uint64_t kInfoPages = AlignUp(sizeof(BootInfo), kPageSize) / kPageSize;
  auto& info =
      *reinterpret_cast<BootInfo*>(firmware.AllocatePages(kInfoPages, "the boot information"));
  StartBootInfo(hypervisor.physical, hypervisor.length, info);
  info.bundle_physical = reinterpret_cast<uint64_t>(archive->data());
  info.bundle_length = archive->size();
  info.serial_kind = firmware.serial().kind;
  info.serial_address = firmware.serial().address;
  DescribeMachine(firmware, info);
  ReadCommandLine(firmware, info);

  MapBuffers buffers = MakeMapBuffers(firmware);
  const uint64_t tables = PrepareEntry(firmware, hypervisor, buffers.view);

  firmware.Print("bulkhead: starting the hypervisor");
  ExitBootServices(firmware, buffers);
  uint32_t count = 0;
  if (ToRanges(buffers.view, buffers.ranges, count) != Status::kOk ||
      SetMemoryMap(buffers.ranges.first(count), info) != Status::kOk) {
    EarlyConsoleInit(firmware.serial().address);
    EarlyFatal("the memory map has too many regions");
  }
  EnterHypervisor(tables, hypervisor, info);
}

}  // namespace
}  // namespace bulkhead::uefi

extern "C" uint64_t efi_main(void* image, bulkhead::uefi::SystemTable* system) {
  using namespace bulkhead::uefi;  // NOLINT: an entry point, not a header
  Firmware firmware(image, system);
  firmware.set_serial(FindSerial(firmware));
  Run(firmware);
}
