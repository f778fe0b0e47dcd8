// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_OUTBOX_H_
#define BULKHEAD_VMM_OUTBOX_H_

// What the VMM tells its supervisor: records in the output ring.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "vmm/pod_end.h"
#include "vmm/startup.h"

namespace bulkhead {

class Outbox {
 public:
  Outbox() = default;
  Outbox(std::span<std::byte> ring, uint64_t event, uint64_t bits)
      : ring_(ring), event_(event), bits_(bits) {}

  // Writes as much of `bytes` as there is room for, as one record; returns how much.
  size_t Write(PodRecordType type, std::span<const std::byte> bytes);
  // Has the supervisor look at its side of the rings.
  void Nudge();
  // Writes a line; drops it, counted, if there is no room.
  void Log(std::string_view line);
  // The last record: it always has room.
  void End(PodEnd end, std::string_view text);

 private:
  // Kept free for the last record.
  static constexpr size_t kReserve = 512;

  size_t Room() const;
  void Put(PodRecordType type, std::span<const std::byte> first, std::span<const std::byte> rest);

  ByteRingWriter ring_;
  uint64_t event_ = 0;
  uint64_t bits_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_OUTBOX_H_
