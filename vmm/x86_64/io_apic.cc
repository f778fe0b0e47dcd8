// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/io_apic.h"

namespace bulkhead {
namespace {

// 82093AA, 3.2.
constexpr uint8_t kIdRegister = 0x00;
constexpr uint8_t kVersionRegister = 0x01;
constexpr uint8_t kArbitrationRegister = 0x02;
constexpr uint8_t kFirstEntry = 0x10;
constexpr uint32_t kVersion = 0x11;
constexpr uint32_t kIdMask = 0x0f000000;

// Delivery status (12) and Remote IRR (14) are read-only; 55:17 are reserved.
constexpr uint64_t kWritable = 0xff00'0000'0001'afff;

constexpr uint8_t kLowestVector = 16;

}  // namespace

uint64_t InterruptTargets(const InterruptMessage& message, uint32_t cpus) {
  const uint64_t all = cpus >= 64 ? ~uint64_t{0} : (uint64_t{1} << cpus) - 1;
  uint64_t targets = 0;
  if (message.logical) {
    // Cluster 0 holds ids 0 to 15, one bit each; the message has room for eight of them
    // (Intel SDM 3A, 11.12.10.2).
    targets = message.destination & all;
  } else if (message.destination == 0xff) {
    targets = all;
  } else if (message.destination < cpus) {
    targets = uint64_t{1} << message.destination;
  }
  if (message.mode == DeliveryMode::kLowestPriority) targets &= ~targets + 1;
  return targets;
}

uint32_t IoApic::Read(uint64_t offset) const {
  if (offset == kSelectOffset) return select_;
  if (offset == kWindowOffset) return ReadRegister();
  return 0;
}

void IoApic::Write(uint64_t offset, uint32_t value) {
  if (offset == kSelectOffset) select_ = static_cast<uint8_t>(value);
  if (offset == kWindowOffset) WriteRegister(value);
}

uint32_t IoApic::ReadRegister() const {
  if (select_ == kIdRegister || select_ == kArbitrationRegister) return id_;
  if (select_ == kVersionRegister) return (layout::kIoApicPins - 1) << 16 | kVersion;
  if (select_ < kFirstEntry) return 0;
  const uint32_t index = (select_ - kFirstEntry) / 2;
  if (index >= redirection_.size()) return 0;
  return static_cast<uint32_t>(redirection_[index] >> (select_ % 2 * 32));
}

void IoApic::WriteRegister(uint32_t value) {
  if (select_ == kIdRegister) id_ = value & kIdMask;
  if (select_ < kFirstEntry) return;
  const uint32_t index = (select_ - kFirstEntry) / 2;
  if (index >= redirection_.size()) return;
  const int shift = select_ % 2 * 32;
  uint64_t& entry = redirection_[index];
  entry = (entry & ~(uint64_t{0xffffffff} << shift)) | uint64_t{value} << shift;
  entry &= kWritable;
}

std::optional<InterruptMessage> IoApic::Raise(uint32_t pin) {
  if (pin >= redirection_.size()) return std::nullopt;
  const uint64_t entry = redirection_[pin];
  if ((entry & kMasked) != 0) return std::nullopt;
  const InterruptMessage message{
      .destination = static_cast<uint8_t>(entry >> 56),
      .logical = (entry & 1 << 11) != 0,
      .vector = static_cast<uint8_t>(entry),
      .mode = static_cast<DeliveryMode>(entry >> 8 & 7),
  };
  const bool delivers =
      message.mode == DeliveryMode::kFixed || message.mode == DeliveryMode::kLowestPriority;
  if (!delivers || message.vector < kLowestVector) {
    ++dropped_;
    return std::nullopt;
  }
  return message;
}

}  // namespace bulkhead
