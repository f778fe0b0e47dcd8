// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_DRIVERS_UART_UART16550_H_
#define BULKHEAD_DRIVERS_UART_UART16550_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"

namespace bulkhead {

// The eight registers of a 16550, by offset, wherever the machine has them.
class UartRegisters {
 public:
  virtual uint8_t Read(uint16_t offset) = 0;
  virtual void Write(uint16_t offset, uint8_t value) = 0;

 protected:
  ~UartRegisters() = default;
};

// Driver for a 16550 UART (National Semiconductor PC16550D) at 115200 baud, 8 data bits, no parity,
// one stop bit, as a stream of bytes in each direction. Uses no interrupt and never waits: call
// Receive until it gives nothing, and Send what Send did not take before, again and again. Drives
// no flow control: what arrives while 16 bytes wait is lost, and status() says so. Emulators hold
// bytes back instead. One thread at a time.
class Uart16550 {
 public:
  static constexpr size_t kFifoBytes = 16;

  // Sets the UART up; `registers` stay in use. kNotFound if none answers there; the object is of no
  // use then.
  Status Start(UartRegisters& registers);

  // Hands bytes to the UART; returns how many it took, at most kTurnBytes.
  size_t Send(std::span<const std::byte> bytes);
  // Takes bytes that arrived; returns how many there were, at most out.size().
  size_t Receive(std::span<std::byte> out);

  // Whether the last byte has left for the line.
  bool Drained() { return (ReadLineStatus() & kTransmitterIdle) != 0; }

  // kCorrupt once a byte was lost or damaged on the line; nothing is received any more.
  Status status() const { return status_; }

  // An emulated UART may take bytes as fast as they come: a bound for one call.
  static constexpr size_t kTurnBytes = 4096;

 private:
  static constexpr uint8_t kTransmitterIdle = 0x40;  // 8.4: the shift register is empty, too

  // Reading the register clears its error bits: every reader has to look at them.
  uint8_t ReadLineStatus();

  UartRegisters* registers_ = nullptr;
  size_t fifo_bytes_ = 1;  // of the transmitter
  Status status_ = Status::kNotFound;
};

}  // namespace bulkhead

#endif  // BULKHEAD_DRIVERS_UART_UART16550_H_
