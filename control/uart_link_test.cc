// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/uart_link.h"

#include <gtest/gtest.h>

#include <array>

namespace bulkhead {
namespace {

// Always ready to send; `ready` bytes have arrived.
class FakeUart final : public UartRegisters {
 public:
  uint8_t Read(uint16_t offset) override {
    if (offset == 5) return ready > 0 ? 0x61 : 0x60;
    if (offset == 0 && ready > 0) --ready;
    return offset == 7 ? scratch : 0;
  }
  void Write(uint16_t offset, uint8_t value) override {
    if (offset == 7) scratch = value;
  }
  int ready = 0;
  uint8_t scratch = 0;
};

class UartLinkTest : public testing::Test {
 protected:
  UartLinkTest() { EXPECT_EQ(link_.Open(machine_), Status::kOk); }
  size_t Look() {
    std::array<std::byte, 10> bytes;
    return link_.Receive(bytes);
  }
  void LookInVain(int times) {
    for (int i = 0; i < times; ++i) EXPECT_EQ(Look(), 0u);
  }

  FakeUart machine_;
  UartLink link_;
};

TEST_F(UartLinkTest, IsLookedAtOftenWhileBytesMove) {
  EXPECT_EQ(link_.PollInterval(), UartLink::kBusyInterval);
  LookInVain(1000);
  EXPECT_EQ(link_.PollInterval(), UartLink::kQuietInterval);
  machine_.ready = 3;
  EXPECT_EQ(Look(), 3u);
  EXPECT_EQ(link_.PollInterval(), UartLink::kBusyInterval);
  LookInVain(10);  // not at once
  EXPECT_EQ(link_.PollInterval(), UartLink::kBusyInterval);
  LookInVain(1000);
  EXPECT_EQ(link_.Send(std::array<std::byte, 2>{}), 2u);
  EXPECT_EQ(link_.PollInterval(), UartLink::kBusyInterval);
}

}  // namespace
}  // namespace bulkhead
