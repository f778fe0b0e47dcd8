// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/uart/uart16550.h"

#include <algorithm>

namespace bulkhead {
namespace {

// PC16550D, table II: registers by offset. Some are others when written, or while kLatchAccess is
// set.
constexpr uint16_t kData = 0;
constexpr uint16_t kInterruptEnable = 1;
constexpr uint16_t kDivisorLow = 0;
constexpr uint16_t kDivisorHigh = 1;
constexpr uint16_t kInterruptIdentification = 2;  // read
constexpr uint16_t kFifoControl = 2;              // write
constexpr uint16_t kLineControl = 3;
constexpr uint16_t kModemControl = 4;
constexpr uint16_t kLineStatus = 5;
constexpr uint16_t kScratch = 7;

// 8.1
constexpr uint8_t kEightBits = 0x03;
constexpr uint8_t kLatchAccess = 0x80;
constexpr uint8_t kDivisor115200 = 1;  // of the PC's 1.8432 MHz
// 8.5: on, both emptied. The trigger is for interrupts, but emulators hold bytes back by it: at 14
// they hand over the most between two looks.
constexpr uint8_t kFifosOn = 0xc7;
// 8.6: both bits only if the FIFOs are on and work.
constexpr uint8_t kFifosAreOn = 0xc0;
// 8.8
constexpr uint8_t kReadyToWork = 0x03;  // DTR, RTS
// 8.4
constexpr uint8_t kDataReady = 0x01;
constexpr uint8_t kLineErrors = 0x1e;  // overrun, parity, framing, break
constexpr uint8_t kTransmitterEmpty = 0x20;

// The scratch register does nothing but keep what is written.
bool Answers(UartRegisters& registers) {
  for (const uint8_t value : {uint8_t{0x5a}, uint8_t{0xa5}}) {
    registers.Write(kScratch, value);
    if (registers.Read(kScratch) != value) return false;
  }
  return true;
}

}  // namespace

Status Uart16550::Start(UartRegisters& registers) {
  registers_ = &registers;
  status_ = Status::kNotFound;
  if (!Answers(registers)) return status_;
  registers.Write(kLineControl, kLatchAccess);
  registers.Write(kDivisorLow, kDivisor115200);
  registers.Write(kDivisorHigh, 0);
  registers.Write(kLineControl, kEightBits);
  registers.Write(kInterruptEnable, 0);
  registers.Write(kFifoControl, kFifosOn);
  registers.Write(kModemControl, kReadyToWork);
  const bool fifos = (registers.Read(kInterruptIdentification) & kFifosAreOn) == kFifosAreOn;
  fifo_bytes_ = fifos ? kFifoBytes : 1;
  (void)registers.Read(kLineStatus);  // errors of before
  status_ = Status::kOk;
  return status_;
}

uint8_t Uart16550::ReadLineStatus() {
  const uint8_t line = registers_->Read(kLineStatus);
  if ((line & kLineErrors) != 0 && status_ == Status::kOk) status_ = Status::kCorrupt;
  return line;
}

size_t Uart16550::Send(std::span<const std::byte> bytes) {
  const size_t most = std::min(bytes.size(), kTurnBytes);
  size_t sent = 0;
  // Empty means all of its FIFO; that it has room for less, it does not say.
  while (sent < most && status_ == Status::kOk && (ReadLineStatus() & kTransmitterEmpty) != 0) {
    for (size_t room = std::min(fifo_bytes_, most - sent); room > 0; --room) {
      registers_->Write(kData, static_cast<uint8_t>(bytes[sent++]));
    }
  }
  return sent;
}

size_t Uart16550::Receive(std::span<std::byte> out) {
  size_t received = 0;
  while (received < out.size() && status_ == Status::kOk) {
    const uint8_t line = ReadLineStatus();
    if (status_ != Status::kOk || (line & kDataReady) == 0) break;
    out[received++] = std::byte{registers_->Read(kData)};
  }
  return received;
}

}  // namespace bulkhead
