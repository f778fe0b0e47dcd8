// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/console.h"

#include <algorithm>

namespace bulkhead {

void ConsoleDevice::ReadConfig(uint32_t offset, std::span<std::byte> out) const {
  const ConsoleConfig config = {.columns = 0, .rows = 0, .max_ports = kPorts, .emergency_write = 0};
  CopyConfig(std::as_bytes(std::span(&config, 1)), offset, out);
}

void ConsoleDevice::OnReset() {
  for (uint32_t port = 0; port < kPorts; ++port) {
    SetOpen(port, false);
    Port& p = ports_[port];
    p.holding = p.add = p.console = p.named = p.host_open = false;
  }
}

void ConsoleDevice::SetOpen(uint32_t port, bool open) {
  if (ports_[port].open == open) return;
  ports_[port].open = open;
  backend_.PortOpened(port, open);
}

bool ConsoleDevice::Notify(uint16_t queue) {
  if (!active() || error() != VirtqueueError::kNone) return false;
  switch (queue) {
    case ReceiveQueue(0):
      // Without control messages, the first buffers for input are what opens the port.
      if (!multiport()) SetOpen(0, true);
      backend_.InputPossible(0);
      return false;
    case ReceiveQueue(1):
      if (multiport()) backend_.InputPossible(1);
      return false;
    case TransmitQueue(0):
      return Transmit(0);
    case TransmitQueue(1):
      return multiport() && Transmit(1);
    case kControlReceive:
      SendControl();
      return false;
    case kControlTransmit:
      return multiport() && ReceiveControl();
    default:
      return false;
  }
}

bool ConsoleDevice::Resume(uint32_t port) {
  if (!active() || !PortUsable(port) || error() != VirtqueueError::kNone) return false;
  return Transmit(port);
}

bool ConsoleDevice::Transmit(uint32_t port) {
  Virtqueue& queue = queues_[TransmitQueue(port)];
  Port& p = ports_[port];
  size_t budget = kBytesPerTurn;
  bool more = true;
  for (uint16_t turn = 0; turn < queue.size(); ++turn) {
    if (!p.holding) {
      if (queue.Pop(p.chain) != Virtqueue::PopResult::kChain) {
        more = false;
        break;
      }
      p.holding = true;
      p.position = SegmentCursor(p.chain.readable());
    }
    size_t refused = 0;
    while (!p.position.done() && budget > 0 && refused == 0) {
      std::span<std::byte> front = p.position.Front();
      front = front.first(std::min(front.size(), budget));
      const size_t taken = std::min(backend_.Write(port, front), front.size());
      p.position.Skip(taken);
      budget -= taken;
      refused = front.size() - taken;
    }
    if (refused > 0) {
      more = false;
      break;
    }
    if (!p.position.done()) break;  // out of budget
    queue.Push(p.chain, 0);
    p.holding = false;
  }
  InterruptIfWanted(queue);
  return more;
}

size_t ConsoleDevice::Input(uint32_t port, std::span<const std::byte> bytes) {
  if (!active() || !PortUsable(port) || !ports_[port].open) return 0;
  if (error() != VirtqueueError::kNone) return 0;
  Virtqueue& queue = queues_[ReceiveQueue(port)];
  size_t taken = 0;
  // No more turns than bytes. It has to go on until the queue is empty, because only then does Pop
  // ask the driver for the notification that makes InputPossible.
  while (taken < bytes.size()) {
    if (queue.Pop(scratch_) != Virtqueue::PopResult::kChain) break;
    if (scratch_.writable_bytes() == 0) {
      queue.Fail(VirtqueueError::kBadRequest);
      break;
    }
    SegmentCursor room(scratch_.writable());
    const size_t written = room.CopyIn(bytes.subspan(taken));
    queue.Push(scratch_, static_cast<uint32_t>(written));
    taken += written;
  }
  InterruptIfWanted(queue);
  return taken;
}

bool ConsoleDevice::ReceiveControl() {
  Virtqueue& queue = queues_[kControlTransmit];
  bool more = true;
  for (uint16_t turn = 0; turn < queue.size(); ++turn) {
    if (queue.Pop(scratch_) != Virtqueue::PopResult::kChain) {
      more = false;
      break;
    }
    ConsoleControl message;
    SegmentCursor position(scratch_.readable());
    const size_t length = position.CopyOut(std::as_writable_bytes(std::span(&message, 1)));
    queue.Push(scratch_, 0);
    if (length == sizeof(message)) HandleControl(message);
  }
  InterruptIfWanted(queue);
  SendControl();
  return more;
}

void ConsoleDevice::HandleControl(const ConsoleControl& message) {
  if (message.event == ConsoleEvent::kDeviceReady) {
    if (message.value == 1) {
      for (Port& port : ports_) port.add = true;
    }
    return;
  }
  if (message.port >= kPorts) return;
  Port& port = ports_[message.port];
  if (message.event == ConsoleEvent::kPortReady && message.value == 1) {
    port.console = message.port == 0;
    port.named = message.port != 0;
    port.host_open = true;
  } else if (message.event == ConsoleEvent::kPortOpen) {
    SetOpen(message.port, message.value != 0);
    if (message.value != 0) backend_.InputPossible(message.port);
  }
}

// Sends what the guest has room for; the rest waits for it to offer room.
void ConsoleDevice::SendControl() {
  if (!multiport()) return;
  for (uint32_t id = 0; id < kPorts; ++id) {
    Port& port = ports_[id];
    if (!SendControl(port.add, id, ConsoleEvent::kPortAdd, 1) ||
        !SendControl(port.console, id, ConsoleEvent::kConsolePort, 1) ||
        !SendControl(port.named, id, ConsoleEvent::kPortName, 1, port_name_) ||
        !SendControl(port.host_open, id, ConsoleEvent::kPortOpen, 1)) {
      break;
    }
  }
  InterruptIfWanted(queues_[kControlReceive]);
}

bool ConsoleDevice::SendControl(bool& wanted, uint32_t port, ConsoleEvent event, uint16_t value,
                                std::string_view text) {
  if (!wanted) return true;
  Virtqueue& queue = queues_[kControlReceive];
  if (queue.Pop(scratch_) != Virtqueue::PopResult::kChain) return false;
  const size_t length = sizeof(ConsoleControl) + text.size();
  if (scratch_.writable_bytes() < length) {
    queue.Fail(VirtqueueError::kBadRequest);
    return false;
  }
  const ConsoleControl message = {.port = port, .event = event, .value = value};
  SegmentCursor room(scratch_.writable());
  room.CopyIn(std::as_bytes(std::span(&message, 1)));
  room.CopyIn(std::as_bytes(std::span(text)));
  queue.Push(scratch_, static_cast<uint32_t>(length));
  wanted = false;
  return true;
}

}  // namespace bulkhead
