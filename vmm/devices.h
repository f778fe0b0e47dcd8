// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_DEVICES_H_
#define BULKHEAD_VMM_DEVICES_H_

// The guest's devices and where they answer: virtio-mmio windows, the interrupt controller,
// and the backends that connect them to the supervisor.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "platform/entropy.h"
#include "platform/interrupt_controller.h"
#include "platform/layout.h"
#include "virtio/block.h"
#include "virtio/console.h"
#include "virtio/guest_memory.h"
#include "virtio/mmio_transport.h"
#include "virtio/rng.h"
#include "vmm/outbox.h"
#include "vmm/startup.h"
#include "vmm/vcpu.h"

namespace bulkhead {

class Devices final : private ConsoleBackend {
 public:
  // All references outlive the devices.
  Devices(const VmmStartup& startup, const GuestMemory& memory, std::span<const Vcpu> vcpus,
          Outbox& outbox, ByteRingReader& input);
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  uint32_t count() const { return count_; }
  PlatformEntropy& entropy() { return entropy_; }

  // A guest's access to a physical address that is not RAM; false: nothing is there.
  bool Read(GuestPhysical address, uint32_t width, uint64_t* value);
  bool Write(GuestPhysical address, uint32_t width, uint64_t value);

  // Whether a virtio device was written to since the last call: only then can it have stopped, or
  // have more to do.
  bool TakeWritten() { return std::exchange(written_, false); }

  // Goes on with what could not be finished: device work that is bounded per turn, output that had
  // no room, input that the guest had no buffer for. True: there is more to do at once.
  bool Continue();

  // Whether Continue has something to do that nobody outside knows of.
  bool wants_turn() const;

  // Why a device stopped: the reason the pod has to end; null while all is well.
  const char* Problem();

 private:
  static constexpr uint32_t kMost = 2 + kVmmMaxImages;  // console, rng, disks
  static_assert(kMost <= layout::kMaxVirtioDevices);

  // One device's interrupt line.
  struct Line final : InterruptSink {
    InterruptController* controller = nullptr;
    uint32_t device = 0;
    void RaiseInterrupt() override { controller->Raise(device); }
  };

  size_t Write(uint32_t port, std::span<const std::byte> bytes) override;
  void PortOpened(uint32_t port, bool open) override;
  void InputPossible(uint32_t port) override;

  void Add(VirtioDevice& device);
  MmioTransport* Find(GuestPhysical address, uint32_t* offset);
  void FeedInput();

  const GuestMemory& memory_;
  Outbox& outbox_;
  ByteRingReader& input_;
  PlatformEntropy entropy_;
  InterruptController interrupt_controller_;
  ConsoleDevice console_;
  std::array<std::optional<BlockDevice>, kVmmMaxImages> blocks_;
  RngDevice rng_;
  std::array<Line, kMost> lines_;
  std::array<std::optional<MmioTransport>, kMost> transports_;
  uint32_t count_ = 0;
  bool written_ = false;
  bool output_blocked_ = false;
  bool input_possible_ = false;
  bool input_corrupt_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_DEVICES_H_
