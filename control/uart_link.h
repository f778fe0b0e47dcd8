// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_UART_LINK_H_
#define BULKHEAD_CONTROL_UART_LINK_H_

#include "control/node_link.h"
#include "drivers/uart/uart16550.h"

namespace bulkhead {

// The node channel over a UART, for machines without virtio. The hypervisor hands on interrupts
// that are messages, and a PC's UART sends none: it is looked at by the clock, often while bytes
// move, seldom while none do.
class UartLink final : public NodeLink {
 public:
  // kNotFound: there is no UART.
  Status Open(UartRegisters& registers) { return uart_.Start(registers); }

  size_t Send(std::span<const std::byte> bytes) override;
  size_t Receive(std::span<std::byte> out) override;
  Status status() const override { return uart_.status(); }
  bool Drained() override { return uart_.Drained(); }
  uint32_t PollInterval() const override;

  // A FIFO is 1.4 ms of the line.
  static constexpr uint32_t kBusyInterval = 500;  // microseconds
  static constexpr uint32_t kQuietInterval = 5000;

 private:
  // So many looks in vain make it quiet: 50 ms, in which an answer often comes.
  static constexpr uint32_t kPatience = 100;

  Uart16550 uart_;
  uint32_t looks_in_vain_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_UART_LINK_H_
