// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/uart/uart16550.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <string>
#include <string_view>

namespace bulkhead {
namespace {

// A UART whose line stands still until the test lets it move.
class FakeUart final : public UartRegisters {
 public:
  uint8_t Read(uint16_t offset) override {
    if (absent) return 0xff;
    switch (offset) {
      case 0: {
        if (incoming.empty()) return 0;
        const char byte = incoming.front();
        incoming.pop_front();
        return static_cast<uint8_t>(byte);
      }
      case 2:
        return fifo_on && fifo_works ? 0xc1 : 0x01;
      case 5: {
        const uint8_t line = static_cast<uint8_t>((incoming.empty() ? 0 : 0x01) |
                                                  (transmitter.empty() ? 0x60 : 0) | errors);
        errors = 0;
        return line;
      }
      default:
        return registers[offset];
    }
  }
  void Write(uint16_t offset, uint8_t value) override {
    registers[offset] = value;
    const bool latch = (registers[3] & 0x80) != 0;
    if (offset == 0 && latch) divisor = value;
    if (offset == 0 && !latch) {
      EXPECT_LT(transmitter.size(), fifo_works ? 16u : 1u);
      transmitter += static_cast<char>(value);
      if (instant) Transmit();
    }
    if (offset == 2) fifo_on = (value & 1) != 0;
  }
  void Transmit() {
    sent += transmitter;
    transmitter.clear();
  }
  void Arrive(std::string_view bytes) {
    incoming.insert(incoming.end(), bytes.begin(), bytes.end());
  }

  bool absent = false;
  bool fifo_works = true;
  bool fifo_on = false;
  bool instant = false;
  uint8_t errors = 0;
  uint8_t divisor = 0;
  std::array<uint8_t, 8> registers = {};
  std::deque<char> incoming;
  std::string transmitter;
  std::string sent;
};

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string ReceiveFrom(Uart16550& uart, size_t most = 100) {
  std::string out(most, '\0');
  out.resize(uart.Receive(std::as_writable_bytes(std::span(out))));
  return out;
}

TEST(Uart16550Test, SetsTheLineUp) {
  FakeUart machine;
  machine.errors = 0x1e;  // of somebody who used it before
  Uart16550 uart;
  EXPECT_EQ(uart.status(), Status::kNotFound);
  ASSERT_EQ(uart.Start(machine), Status::kOk);
  EXPECT_EQ(machine.divisor, 1);
  EXPECT_EQ(machine.registers[3], 0x03);
  EXPECT_EQ(machine.registers[1], 0);
  EXPECT_TRUE(machine.fifo_on);
  EXPECT_EQ(uart.status(), Status::kOk);
}

TEST(Uart16550Test, WhereNothingAnswersThereIsNone) {
  FakeUart machine;
  machine.absent = true;
  Uart16550 uart;
  EXPECT_EQ(uart.Start(machine), Status::kNotFound);
  EXPECT_EQ(uart.Send(Bytes("x")), 0u);
  EXPECT_EQ(ReceiveFrom(uart), "");
}

TEST(Uart16550Test, SendsAFifoAtATime) {
  FakeUart machine;
  Uart16550 uart;
  ASSERT_EQ(uart.Start(machine), Status::kOk);
  const std::string text = "0123456789abcdefghij";
  EXPECT_TRUE(uart.Drained());
  EXPECT_EQ(uart.Send(Bytes(text)), 16u);
  EXPECT_FALSE(uart.Drained());
  EXPECT_EQ(uart.Send(Bytes(text).subspan(16)), 0u);
  machine.Transmit();
  EXPECT_EQ(uart.Send(Bytes(text).subspan(16)), 4u);
  machine.Transmit();
  EXPECT_EQ(machine.sent, text);
}

TEST(Uart16550Test, WithoutFifosSendsOneByteAtATime) {
  FakeUart machine;
  machine.fifo_works = false;
  Uart16550 uart;
  ASSERT_EQ(uart.Start(machine), Status::kOk);
  EXPECT_EQ(uart.Send(Bytes("ab")), 1u);
}

TEST(Uart16550Test, ATransmitterThatIsAlwaysEmptyDoesNotHoldTheCaller) {
  FakeUart machine;
  machine.instant = true;
  Uart16550 uart;
  ASSERT_EQ(uart.Start(machine), Status::kOk);
  const std::string text(100'000, 'x');
  EXPECT_EQ(uart.Send(Bytes(text)), Uart16550::kTurnBytes);
}

TEST(Uart16550Test, ReceivesEveryByteValueAsFarAsThereIsRoom) {
  FakeUart machine;
  Uart16550 uart;
  ASSERT_EQ(uart.Start(machine), Status::kOk);
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  machine.Arrive(all);
  EXPECT_EQ(ReceiveFrom(uart) + ReceiveFrom(uart) + ReceiveFrom(uart), all);
  EXPECT_EQ(ReceiveFrom(uart), "");
}

TEST(Uart16550Test, ALostByteEndsTheStream) {
  for (const uint8_t error : {0x02, 0x04, 0x08, 0x10}) {
    FakeUart machine;
    Uart16550 uart;
    ASSERT_EQ(uart.Start(machine), Status::kOk);
    machine.Arrive("ab");
    EXPECT_EQ(ReceiveFrom(uart, 1), "a");
    machine.errors = error;
    EXPECT_EQ(ReceiveFrom(uart), "");
    EXPECT_EQ(uart.status(), Status::kCorrupt);
    EXPECT_EQ(ReceiveFrom(uart), "");
  }
}

TEST(Uart16550Test, TheSenderSeesALostByteToo) {
  FakeUart machine;
  Uart16550 uart;
  ASSERT_EQ(uart.Start(machine), Status::kOk);
  machine.errors = 0x02;
  (void)uart.Send(Bytes("x"));
  EXPECT_EQ(uart.status(), Status::kCorrupt);
}

}  // namespace
}  // namespace bulkhead
