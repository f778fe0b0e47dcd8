// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/console.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "virtio/testing/driver_queue.h"
#include "virtio/testing/mmio_driver.h"

namespace bulkhead {
namespace {

using testing::CountingInterrupt;
using testing::DriverQueue;
using testing::MmioDriver;
using testing::TestRam;

constexpr uint64_t kData = 0x80000;

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

class FakeBackend final : public ConsoleBackend {
 public:
  size_t Write(uint32_t port, std::span<const std::byte> bytes) override {
    const size_t taken = std::min(bytes.size(), room);
    room -= taken;
    output[port].append(reinterpret_cast<const char*>(bytes.data()), taken);
    return taken;
  }
  void PortOpened(uint32_t port, bool open) override {
    events += (open ? "open" : "close") + std::to_string(port) + ' ';
  }
  void InputPossible(uint32_t port) override { ++input_possible[port]; }

  size_t room = ~size_t{0};
  std::string output[ConsoleDevice::kPorts];
  std::string events;
  int input_possible[ConsoleDevice::kPorts] = {};
};

class ConsoleTest : public ::testing::Test {
 protected:
  void Start(uint64_t features = kConsoleFeatureMultiport) {
    ASSERT_TRUE(driver_.Negotiate(features | kVirtioFeatureVersion1));
    for (uint32_t i = 0; i < queues_.size(); ++i) ASSERT_TRUE(driver_.SetUpQueue(i, queues_[i]));
    driver_.DriverOk();
  }
  void SendControl(uint32_t port, ConsoleEvent event, uint16_t value) {
    ram_.PutValue(kData, ConsoleControl{.port = port, .event = event, .value = value});
    queues_[ConsoleDevice::kControlTransmit].Add({{kData, sizeof(ConsoleControl)}});
    driver_.Notify(ConsoleDevice::kControlTransmit);
  }
  void OfferControlBuffers(int count) {
    for (int i = 0; i < count; ++i) {
      const uint64_t address = kData + 0x1000 + 0x100 * control_offered_++;
      queues_[ConsoleDevice::kControlReceive].Add({{address, 0x100, true}});
    }
    driver_.Notify(ConsoleDevice::kControlReceive);
  }
  // All control messages since the last call, as "port:event=value[text]".
  std::string Control() {
    std::string all;
    DriverQueue& queue = queues_[ConsoleDevice::kControlReceive];
    for (; control_seen_ != queue.used_index(); ++control_seen_) {
      const uint64_t address = kData + 0x1000 + 0x100 * control_seen_;
      const auto message =
          ram_.memory().Read<ConsoleControl>(static_cast<GuestPhysical>(address)).value();
      const uint32_t length = queue.used(control_seen_).length;
      all += std::to_string(message.port) + ':' + std::to_string(static_cast<int>(message.event)) +
             '=' + std::to_string(message.value) + ram_.text(address + 8, length - 8) + ' ';
    }
    return all;
  }
  void Output(uint32_t port, std::string_view text) {
    ram_.Put(kData + 0x8000, text);
    queues_[ConsoleDevice::TransmitQueue(port)].Add(
        {{kData + 0x8000, static_cast<uint32_t>(text.size())}});
    driver_.Notify(ConsoleDevice::TransmitQueue(port));
  }

  TestRam ram_;
  FakeBackend backend_;
  ConsoleDevice device_{backend_, "bulkhead.agent"};
  CountingInterrupt interrupt_;
  MmioTransport transport_{device_, ram_.memory(), interrupt_};
  MmioDriver driver_{transport_};
  std::vector<DriverQueue> queues_ = {
      {ram_, 0x10000, 64}, {ram_, 0x14000, 64}, {ram_, 0x18000, 64},
      {ram_, 0x1c000, 64}, {ram_, 0x20000, 64}, {ram_, 0x24000, 64},
  };
  uint16_t control_offered_ = 0;
  uint16_t control_seen_ = 0;
};

TEST_F(ConsoleTest, Configuration) {
  EXPECT_EQ(driver_.Get(kMmioConfig + 4), 2U);
  EXPECT_EQ(driver_.Get(kMmioQueueSizeMax), 64U);
  driver_.Set(kMmioQueueSel, 6);
  EXPECT_EQ(driver_.Get(kMmioQueueSizeMax), 0U);
}

TEST_F(ConsoleTest, PortsAreAnnouncedAsLinuxExpects) {
  Start();
  OfferControlBuffers(16);
  EXPECT_EQ(Control(), "");
  SendControl(0, ConsoleEvent::kDeviceReady, 1);
  EXPECT_EQ(Control(), "0:1=1 1:1=1 ");
  SendControl(0, ConsoleEvent::kPortReady, 1);
  EXPECT_EQ(Control(), "0:4=1 0:6=1 ");
  SendControl(1, ConsoleEvent::kPortReady, 1);
  EXPECT_EQ(Control(), "1:7=1bulkhead.agent 1:6=1 ");
  SendControl(1, ConsoleEvent::kPortOpen, 1);
  SendControl(1, ConsoleEvent::kPortOpen, 1);
  SendControl(1, ConsoleEvent::kPortOpen, 0);
  EXPECT_EQ(backend_.events, "open1 close1 ");
  EXPECT_GT(interrupt_.count, 0);
}

TEST_F(ConsoleTest, ControlMessagesWaitForRoom) {
  Start();
  SendControl(0, ConsoleEvent::kDeviceReady, 1);
  SendControl(1, ConsoleEvent::kPortReady, 1);
  EXPECT_EQ(Control(), "");
  OfferControlBuffers(1);
  EXPECT_EQ(Control(), "0:1=1 ");
  OfferControlBuffers(2);
  EXPECT_EQ(Control(), "1:1=1 1:7=1bulkhead.agent ");
  OfferControlBuffers(2);
  EXPECT_EQ(Control(), "1:6=1 ");
}

TEST_F(ConsoleTest, OddControlMessagesAreIgnored) {
  Start();
  OfferControlBuffers(4);
  SendControl(2, ConsoleEvent::kPortReady, 1);
  SendControl(0xffffffff, ConsoleEvent::kPortOpen, 1);
  SendControl(0, ConsoleEvent::kPortReady, 0);
  SendControl(0, ConsoleEvent::kDeviceReady, 0);
  SendControl(0, static_cast<ConsoleEvent>(999), 1);
  queues_[ConsoleDevice::kControlTransmit].Add({{kData, 3}});
  driver_.Notify(ConsoleDevice::kControlTransmit);
  EXPECT_EQ(queues_[ConsoleDevice::kControlTransmit].used_index(), 6);
  EXPECT_EQ(Control(), "");
  EXPECT_EQ(backend_.events, "");
  EXPECT_EQ(transport_.error(), VirtqueueError::kNone);
}

TEST_F(ConsoleTest, ControlBufferTooSmall) {
  Start();
  queues_[ConsoleDevice::kControlReceive].Add({{kData + 0x1000, 7, true}});
  SendControl(0, ConsoleEvent::kDeviceReady, 1);
  EXPECT_EQ(transport_.error(), VirtqueueError::kBadRequest);
}

TEST_F(ConsoleTest, OutputKeepsPortsApart) {
  Start();
  Output(0, "console");
  Output(1, "agent");
  EXPECT_EQ(backend_.output[0], "console");
  EXPECT_EQ(backend_.output[1], "agent");
  EXPECT_EQ(queues_[1].used_index(), 1);
  EXPECT_EQ(queues_[5].used_index(), 1);
}

TEST_F(ConsoleTest, RefusedOutputStaysInTheQueue) {
  Start();
  backend_.room = 10;
  ram_.Put(kData, "0123456789abcdefghij");
  queues_[1].Add({{kData, 7}, {kData + 7, 7}, {kData + 14, 6}});
  driver_.Notify(1);
  EXPECT_EQ(backend_.output[0], "0123456789");
  EXPECT_EQ(queues_[1].used_index(), 0);
  EXPECT_FALSE(transport_.pending());
  backend_.room = 6;
  EXPECT_FALSE(device_.Resume(0));
  EXPECT_EQ(backend_.output[0], "0123456789abcdef");
  EXPECT_EQ(queues_[1].used_index(), 0);
  backend_.room = 100;
  EXPECT_FALSE(device_.Resume(0));
  EXPECT_EQ(backend_.output[0], "0123456789abcdefghij");
  EXPECT_EQ(queues_[1].used_index(), 1);
}

TEST_F(ConsoleTest, OutputPerTurnIsBounded) {
  Start();
  std::vector<DriverQueue::Buffer> buffers(4, {0, 512 << 10});  // 2 MiB
  queues_[1].Add(buffers);
  driver_.Notify(1);
  EXPECT_EQ(backend_.output[0].size(), ConsoleDevice::kBytesPerTurn);
  EXPECT_TRUE(transport_.pending());
  for (int turn = 0; turn < 40 && transport_.pending(); ++turn) transport_.RunPending();
  EXPECT_FALSE(transport_.pending());
  EXPECT_EQ(backend_.output[0].size(), size_t{2} << 20);
  EXPECT_EQ(queues_[1].used_index(), 1);
}

TEST_F(ConsoleTest, InputFillsPostedBuffers) {
  Start();
  EXPECT_EQ(device_.Input(1, Bytes("x")), 0U) << "not open";
  SendControl(1, ConsoleEvent::kPortOpen, 1);
  EXPECT_EQ(device_.Input(1, Bytes("x")), 0U) << "no buffer";
  queues_[4].Add({{kData, 3, true}, {kData + 0x100, 2, true}});
  queues_[4].Add({{kData + 0x200, 4, true}});
  const int before = backend_.input_possible[1];
  driver_.Notify(4);
  EXPECT_EQ(backend_.input_possible[1], before + 1);
  EXPECT_EQ(device_.Input(1, Bytes("abcdefghijk")), 9U);
  EXPECT_EQ(ram_.text(kData, 3), "abc");
  EXPECT_EQ(ram_.text(kData + 0x100, 2), "de");
  EXPECT_EQ(ram_.text(kData + 0x200, 4), "fghi");
  EXPECT_EQ(queues_[4].used(0).length, 5U);
  EXPECT_EQ(queues_[4].used(1).length, 4U);
  EXPECT_EQ(device_.Input(1, Bytes("jk")), 0U);
  EXPECT_EQ(device_.Input(2, Bytes("jk")), 0U);
}

TEST_F(ConsoleTest, InputThatDoesNotFitAsksForANotification) {
  Start(kConsoleFeatureMultiport | kVirtioFeatureEventIdx);
  SendControl(1, ConsoleEvent::kPortOpen, 1);
  for (int i = 0; i < 64; ++i) queues_[4].Add({{kData, 1, true}});
  EXPECT_EQ(device_.Input(1, Bytes(std::string(70, 'x'))), 64U);
  EXPECT_EQ(queues_[4].available_event(), 64);
}

TEST_F(ConsoleTest, InputBufferMustBeWritable) {
  Start();
  SendControl(1, ConsoleEvent::kPortOpen, 1);
  queues_[4].Add({{kData, 3}});
  EXPECT_EQ(device_.Input(1, Bytes("x")), 0U);
  EXPECT_EQ(transport_.error(), VirtqueueError::kBadRequest);
}

TEST_F(ConsoleTest, WithoutMultiportOnlyPortZero) {
  Start(0);
  queues_[0].Add({{kData, 16, true}});
  driver_.Notify(0);
  EXPECT_EQ(device_.Input(0, Bytes("hi")), 2U);
  EXPECT_EQ(device_.Input(1, Bytes("hi")), 0U);
  Output(0, "out");
  Output(1, "no");
  EXPECT_EQ(backend_.output[0], "out");
  EXPECT_EQ(backend_.output[1], "");
}

TEST_F(ConsoleTest, ResetClosesPortsAndForgetsOutput) {
  Start();
  SendControl(1, ConsoleEvent::kPortOpen, 1);
  backend_.room = 1;
  Output(0, "half");
  driver_.Set(kMmioStatus, 0);
  EXPECT_EQ(backend_.events, "open1 close1 ");
  EXPECT_FALSE(device_.Resume(0));
  backend_.room = 100;
  queues_[1] = DriverQueue(ram_, 0x14000, 64);
  for (const uint64_t page : {0x12000, 0x16000, 0x1a000, 0x1e000, 0x22000, 0x26000}) {
    ram_.PutValue(page, uint32_t{0});
    ram_.PutValue(page - 0x1000, uint32_t{0});
  }
  Start();
  Output(0, "new");
  EXPECT_EQ(backend_.output[0], "hnew");
}

}  // namespace
}  // namespace bulkhead
