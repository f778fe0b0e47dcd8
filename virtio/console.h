// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_CONSOLE_H_
#define BULKHEAD_VIRTIO_CONSOLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "virtio/console_protocol.h"
#include "virtio/device.h"

namespace bulkhead {

// The other end of a console's ports, implemented by the VMM.
class ConsoleBackend {
 public:
  // Takes bytes the guest wrote; returns how many. What is not taken stays in the guest's buffer
  // until ConsoleDevice::Resume (not from within). The bytes are guest memory: copy them, look at
  // the copy.
  virtual size_t Write(uint32_t port, std::span<const std::byte> bytes) = 0;
  // The guest opened or closed a port, or (closed) reset the device.
  virtual void PortOpened(uint32_t port, bool open) = 0;
  // ConsoleDevice::Input may take bytes for the port again.
  virtual void InputPossible(uint32_t port) = 0;

 protected:
  ~ConsoleBackend() = default;
};

// Console device (virtio 1.2, 5.3) with two ports: port 0 is a console (hvc0 in Linux), port 1 has
// a name. A driver that does not know VIRTIO_CONSOLE_F_MULTIPORT gets port 0 only. The host's side
// of both ports is always open.
class ConsoleDevice final : public VirtioDevice {
 public:
  static constexpr uint32_t kPorts = 2;
  static constexpr uint32_t kDeviceId = 3;
  static constexpr uint16_t kQueueSize = 64;
  // Most bytes handed to the backend by one Notify or Resume.
  static constexpr size_t kBytesPerTurn = size_t{64} << 10;

  // Queue numbers (5.3.2).
  static constexpr uint16_t kControlReceive = 2;
  static constexpr uint16_t kControlTransmit = 3;
  static constexpr uint16_t kQueues = 6;
  static constexpr uint16_t ReceiveQueue(uint32_t port) { return port == 0 ? 0 : 4; }
  static constexpr uint16_t TransmitQueue(uint32_t port) { return port == 0 ? 1 : 5; }

  // `port_name` names port 1; it and `backend` outlive the device.
  ConsoleDevice(ConsoleBackend& backend, std::string_view port_name)
      : backend_(backend), port_name_(port_name) {}

  // Gives bytes to the guest; returns how many it had room for. If that is not all, InputPossible
  // says when to go on. Zero while the guest has not opened the port.
  size_t Input(uint32_t port, std::span<const std::byte> bytes);
  // Goes on with output after the backend refused some. True if there is more to do at once.
  bool Resume(uint32_t port);
  bool open(uint32_t port) const { return port < kPorts && ports_[port].open; }

  const char* name() const override { return "virtio-console"; }
  uint32_t device_id() const override { return kDeviceId; }
  uint64_t features() const override { return kConsoleFeatureMultiport; }
  std::span<Virtqueue> queues() override { return queues_; }
  uint16_t queue_size_limit(uint16_t /*queue*/) const override { return kQueueSize; }
  void ReadConfig(uint32_t offset, std::span<std::byte> out) const override;
  bool Notify(uint16_t queue) override;

 private:
  struct Port {
    bool open = false;
    // Output in progress: a buffer the backend took only part of.
    bool holding = false;
    SegmentCursor position;
    VirtqueueChain chain;
    // Control messages to be sent when the guest has room, in this order.
    bool add = false;
    bool console = false;
    bool named = false;
    bool host_open = false;
  };

  void OnReset() override;
  bool multiport() const { return (negotiated() & kConsoleFeatureMultiport) != 0; }
  bool PortUsable(uint32_t port) const { return port < kPorts && (port == 0 || multiport()); }
  void SetOpen(uint32_t port, bool open);
  bool Transmit(uint32_t port);
  bool ReceiveControl();
  void HandleControl(const ConsoleControl& message);
  void SendControl();
  bool SendControl(bool& wanted, uint32_t port, ConsoleEvent event, uint16_t value,
                   std::string_view text = {});

  ConsoleBackend& backend_;
  std::string_view port_name_;
  std::array<Virtqueue, kQueues> queues_;
  std::array<Port, kPorts> ports_;
  VirtqueueChain scratch_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_CONSOLE_H_
