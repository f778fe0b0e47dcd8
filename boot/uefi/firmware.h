// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_UEFI_FIRMWARE_H_
#define BULKHEAD_BOOT_UEFI_FIRMWARE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/format.h"
#include "boot/boot_info.h"
#include "boot/uefi/time.h"
#include "boot/uefi/uefi.h"

namespace bulkhead::uefi {

struct Serial {
  SerialKind kind = SerialKind::kNone;
  uint64_t address = 0;  // as BootInfo::serial_address
};

// Boot services in the loader's terms. What cannot be done ends the machine with one line, so
// callers see only success. Valid until the boot services are left.
class Firmware {
 public:
  Firmware(Handle image, SystemTable* system) : image_(image), system_(system) {}

  // One line, ASCII, on the firmware's console.
  void Print(std::string_view text) const;

  // The UART for what is fatal.
  void set_serial(const Serial& serial) { serial_ = serial; }
  const Serial& serial() const { return serial_; }

  // The line "bulkhead: fatal: TEXT" on the firmware's console and on the UART (twice there if the
  // firmware's console is on it too), then power off.
  [[noreturn]] void Fatal(std::string_view text) const;

  // Page-aligned memory of type EfiLoaderData, not zeroed. `what` is for the error.
  uint64_t AllocatePages(uint64_t pages, std::string_view what) const;
  // The same with the first byte at a multiple of 2 MiB.
  uint64_t AllocateSuperpageAligned(uint64_t pages, std::string_view what) const;

  // Reads a file of the file system this program was loaded from; `name` is for messages. Nothing
  // if there is no such file. The memory, whole pages, is never freed.
  std::optional<std::span<const std::byte>> ReadFile(const char16_t* path,
                                                     std::string_view name) const;

  // The address of a table that the firmware offers; 0 if there is none.
  uint64_t FindTable(const Guid& guid) const;

  // The machine's clock, if it has one.
  std::optional<Time> ReadTime() const;

  BootServices& boot() const { return *system_->boot; }
  Handle image() const { return image_; }

 private:
  File* OpenVolume() const;

  Handle image_;
  SystemTable* system_;
  Serial serial_;
};

}  // namespace bulkhead::uefi

#endif  // BULKHEAD_BOOT_UEFI_FIRMWARE_H_
