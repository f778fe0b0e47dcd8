// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/devices.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "guest/agent/protocol.h"
#include "platform/layout.h"

namespace bulkhead {
namespace {

constexpr uint32_t kConsoleDevice = 0;  // added first
constexpr uint32_t kConsolePort = 0;
constexpr uint32_t kAgentPort = 1;

// The disks' serial numbers.
constexpr std::array<std::string_view, kVmmMaxImages> kImageIds = {
    "image0", "image1", "image2", "image3", "image4", "image5", "image6", "image7"};

}  // namespace

Devices::Devices(const VmmStartup& startup, const GuestMemory& memory, std::span<const Vcpu> vcpus,
                 Outbox& outbox, ByteRingReader& input)
    : memory_(memory),
      outbox_(outbox),
      input_(input),
      entropy_(startup, vcpus[0]),
      interrupt_controller_(vcpus),
      console_(*this, kAgentPortName),
      rng_(entropy_) {
  Add(console_);
  for (size_t i = 0; i < blocks_.size() && startup.images[i].length != 0; ++i) {
    const auto* image = reinterpret_cast<const std::byte*>(startup.images[i].address);
    Add(blocks_[i].emplace(std::span(image, startup.images[i].length), kImageIds[i]));
  }
  // Without a source of true randomness there is no device that pretends to have one.
  if (entropy_.available()) Add(rng_);
}

void Devices::Add(VirtioDevice& device) {
  Line& line = lines_[count_];
  line.controller = &interrupt_controller_;
  line.device = count_;
  transports_[count_].emplace(device, memory_, line);
  ++count_;
}

MmioTransport* Devices::Find(GuestPhysical address, uint32_t* offset) {
  const uint64_t from_base = Raw(address) - layout::kVirtioMmioBase;
  const uint64_t index = from_base / layout::kVirtioMmioStride;
  *offset = static_cast<uint32_t>(from_base % layout::kVirtioMmioStride);
  const bool here = Raw(address) >= layout::kVirtioMmioBase && index < count_ &&
                    *offset < layout::kVirtioMmioSize;
  return here ? &*transports_[index] : nullptr;
}

bool Devices::Read(GuestPhysical address, uint32_t width, uint64_t* value) {
  uint32_t offset;
  if (MmioTransport* transport = Find(address, &offset); transport != nullptr) {
    *value = transport->Read(offset, width);
    return true;
  }
  return interrupt_controller_.Read(address, width, value);
}

bool Devices::Write(GuestPhysical address, uint32_t width, uint64_t value) {
  uint32_t offset;
  if (MmioTransport* transport = Find(address, &offset); transport != nullptr) {
    transport->Write(offset, width, value);
    written_ = true;
    return true;
  }
  return interrupt_controller_.Write(address, width, value);
}

size_t Devices::Write(uint32_t port, std::span<const std::byte> bytes) {
  const auto type = port == kAgentPort ? PodRecordType::kAgent : PodRecordType::kConsole;
  const size_t taken = outbox_.Write(type, bytes);
  if (taken < bytes.size()) output_blocked_ = true;
  return taken;
}

void Devices::PortOpened(uint32_t /*port*/, bool /*open*/) {}

// Comes in the middle of the device's work: the input itself waits until that is done.
void Devices::InputPossible(uint32_t port) {
  if (port == kAgentPort) input_possible_ = true;
}

bool Devices::wants_turn() const {
  if (input_possible_) return true;
  return std::any_of(transports_.begin(), transports_.begin() + count_,
                     [](const auto& transport) { return transport->pending(); });
}

void Devices::FeedInput() {
  for (;;) {
    bool sane = true;
    const size_t available = input_.available(&sane);
    if (!sane) input_corrupt_ = true;
    if (!sane || available == 0) return;
    std::array<std::byte, 4096> bytes;
    const auto part = std::span(bytes).first(std::min(available, bytes.size()));
    input_.Peek(part);
    const size_t taken = console_.Input(kAgentPort, part);
    if (taken == 0) return;
    input_.Consume(taken);
    outbox_.Nudge();  // the supervisor grants more
  }
}

bool Devices::Continue() {
  if (output_blocked_) {
    output_blocked_ = false;
    // As if the guest had asked again: what a turn does not finish stays pending.
    MmioTransport& console = *transports_[kConsoleDevice];
    console.NotifyQueue(ConsoleDevice::TransmitQueue(kConsolePort));
    console.NotifyQueue(ConsoleDevice::TransmitQueue(kAgentPort));
  }
  input_possible_ = false;
  FeedInput();
  bool more = false;
  for (uint32_t i = 0; i < count_; ++i) {
    if (transports_[i]->pending()) transports_[i]->RunPending();
    more |= transports_[i]->pending();
  }
  return more;
}

const char* Devices::Problem() {
  if (input_corrupt_) return "its input ring is corrupt";
  for (uint32_t i = 0; i < count_; ++i) {
    if (const VirtqueueError error = transports_[i]->error(); error != VirtqueueError::kNone) {
      return VirtqueueErrorText(error);
    }
  }
  return nullptr;
}

}  // namespace bulkhead
