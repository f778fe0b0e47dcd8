// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_DEVICETREE_DEVICETREE_H_
#define BULKHEAD_BOOT_DEVICETREE_DEVICETREE_H_

// What a loader needs to know of a machine that is described by a flattened devicetree
// (Devicetree Specification 0.4, and the bindings named below). Free of the machine, so that it is
// tested on the host.
//
// Functions that return a phrase return what is wrong, static, or nullptr if nothing is. Nodes that
// are not there are no error unless it is said; nodes with a status other than "okay" are not
// there.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "boot/boot_info.h"

namespace bulkhead {

// A longer tree is refused: the limit of the arm64 booting protocol.
inline constexpr uint64_t kMaxDevicetree = uint64_t{2} << 20;  // bytes
inline constexpr uint64_t kDevicetreeHeader = 40;              // bytes

class Devicetree {
 public:
  // What the loader before us has left in /chosen.
  struct Chosen {
    std::string_view command_line;
    uint64_t initrd = 0;         // physical address
    uint64_t initrd_length = 0;  // bytes; 0: none
  };

  Devicetree() = default;

  // How long the tree is whose header, kDevicetreeHeader bytes, lies at `header`, 8-byte aligned.
  // In bytes; 0 if that is no devicetree, or one that is too long.
  static uint64_t LengthOf(const void* header);

  // Checks that all of the tree has the right form. `bytes`, 8-byte aligned, may be longer than the
  // tree; it must outlive `tree`.
  static const char* Open(std::span<const std::byte> bytes, Devicetree& tree);

  // Appends the RAM, what of it is reserved, and the memory reservations to `ranges`, from
  // `count` on. No RAM at all is an error.
  const char* ReadMemory(std::span<MemoryRegion> ranges, size_t& count) const;

  const char* ReadChosen(Chosen& chosen) const;

  // The UART of /chosen/stdout-path if it is one we know, else the first that is. kNone without.
  const char* ReadSerial(SerialKind& kind, uint64_t& address) const;

  // The first "arm,gic-v3", its ITS, and the interrupts of "arm,armv8-timer".
  const char* ReadGic(GicInfo& gic) const;

  // Physical address of the registers of the first "arm,pl031" clock; 0 without.
  uint64_t FindClock() const;

  // Whether the firmware's power functions are called by HVC (/psci, "arm,psci-0.2"), not SMC.
  bool PsciByHvc() const;

 private:
  const void* tree_ = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_DEVICETREE_DEVICETREE_H_
