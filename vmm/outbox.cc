// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/outbox.h"

#include <algorithm>

#include "base/format.h"
#include "hypervisor/abi/calls.h"

namespace bulkhead {

size_t Outbox::Room() const {
  const size_t room = ring_.room();
  constexpr size_t kTaken = kReserve + sizeof(PodRecordHeader);
  return room <= kTaken ? 0 : std::min<size_t>(room - kTaken, kPodRecordMaxPayload);
}

void Outbox::Put(PodRecordType type, std::span<const std::byte> first,
                 std::span<const std::byte> rest) {
  const PodRecordHeader header = {type, static_cast<uint32_t>(first.size() + rest.size())};
  ring_.Write(std::as_bytes(std::span(&header, 1)));
  ring_.Write(first);
  ring_.Write(rest);
  ring_.Publish();
  (void)call::EventSignal(event_, bits_);
}

size_t Outbox::Write(PodRecordType type, std::span<const std::byte> bytes) {
  const size_t count = std::min(bytes.size(), Room());
  if (count == 0) return 0;
  Put(type, bytes.first(count), {});
  return count;
}

void Outbox::Nudge() { (void)call::EventSignal(event_, bits_); }

void Outbox::Log(std::string_view line) {
  if (Room() < line.size() + 64) {
    ++dropped_;
    return;
  }
  if (dropped_ != 0) {
    Text<64> text;
    text << "(" << dropped_ << " lines lost)";
    dropped_ = 0;
    Put(PodRecordType::kLog, std::as_bytes(std::span(text.view())), {});
    if (Room() < line.size()) return;
  }
  Put(PodRecordType::kLog, std::as_bytes(std::span(line)), {});
}

void Outbox::End(PodEnd end, std::string_view text) {
  constexpr size_t kMostText = kReserve - sizeof(PodRecordHeader) - sizeof(end);
  text = text.substr(0, kMostText);
  Put(PodRecordType::kEnded, std::as_bytes(std::span(&end, 1)), std::as_bytes(std::span(text)));
}

}  // namespace bulkhead
