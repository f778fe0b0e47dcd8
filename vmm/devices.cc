// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/devices.h"

#include <algorithm>
#include <cstring>

#include "guest/agent/protocol.h"
#include "hypervisor/abi/calls.h"
#include "vmm/layout.h"

namespace bulkhead {
namespace {

constexpr uint32_t kConsoleDevice = 0;  // added first
constexpr uint32_t kConsolePort = 0;
constexpr uint32_t kAgentPort = 1;

// RDRAND (AMD APM 3): a 64-bit random number, or carry clear.
bool Random(uint64_t* number) {
  bool ok;
  asm volatile("rdrand %0" : "=r"(*number), "=@ccc"(ok));
  return ok;
}

bool HasRdrand() {
  uint32_t eax = 1;
  uint32_t ebx;
  uint32_t ecx;
  uint32_t edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
  return (ecx & (1u << 30)) != 0;
}

}  // namespace

Devices::Devices(const GuestMemory& memory, std::span<const std::byte> image, Outbox& outbox,
                 ByteRingReader& input, std::span<const uint64_t> vcpus)
    : memory_(memory),
      outbox_(outbox),
      input_(input),
      vcpus_(vcpus),
      console_(*this, kAgentPortName),
      block_(image, "root"),
      rng_(*this) {
  Add(console_);
  if (!image.empty()) Add(block_);
  // Without a source of true randomness there is no device that pretends to have one.
  if (HasRdrand()) Add(rng_);
}

void Devices::Add(VirtioDevice& device) {
  Line& line = lines_[count_];
  line.devices = this;
  line.gsi = layout::VirtioGsi(count_);
  transports_[count_].emplace(device, memory_, line);
  ++count_;
}

void Devices::RaiseLine(uint32_t gsi) {
  const std::optional<InterruptMessage> message = io_apic_.Raise(gsi);
  if (!message) return;
  const uint64_t targets = InterruptTargets(*message, static_cast<uint32_t>(vcpus_.size()));
  for (size_t i = 0; i < vcpus_.size(); ++i) {
    if ((targets >> i & 1) != 0) (void)call::VcpuInterrupt(vcpus_[i], message->vector);
  }
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
  if (Raw(address) - layout::kIoApicBase < layout::kIoApicSize) {
    *value = io_apic_.Read(Raw(address) - layout::kIoApicBase);
    return true;
  }
  return false;
}

bool Devices::Write(GuestPhysical address, uint32_t width, uint64_t value) {
  uint32_t offset;
  if (MmioTransport* transport = Find(address, &offset); transport != nullptr) {
    transport->Write(offset, width, value);
    return true;
  }
  if (Raw(address) - layout::kIoApicBase < layout::kIoApicSize) {
    io_apic_.Write(Raw(address) - layout::kIoApicBase, static_cast<uint32_t>(value));
    return true;
  }
  return false;
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

size_t Devices::Entropy(std::span<std::byte> out) {
  size_t filled = 0;
  while (filled < out.size()) {
    uint64_t number;
    if (!Random(&number)) break;
    const size_t part = std::min(sizeof(number), out.size() - filled);
    std::memcpy(out.data() + filled, &number, part);
    filled += part;
  }
  return filled;
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
