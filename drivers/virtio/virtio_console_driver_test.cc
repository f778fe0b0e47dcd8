// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/virtio/virtio_console_driver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "drivers/pci/bar_assigner.h"
#include "drivers/virtio/testing/fake_virtio_pci.h"
#include "virtio/console.h"

namespace bulkhead {
namespace {

using testing::FakeVirtioPci;

class Backend final : public ConsoleBackend {
 public:
  size_t Write(uint32_t /*port*/, std::span<const std::byte> bytes) override {
    const size_t taken = std::min(bytes.size(), room);
    room -= taken;
    output.append(reinterpret_cast<const char*>(bytes.data()), taken);
    return taken;
  }
  void PortOpened(uint32_t /*port*/, bool is_open) override { open = is_open; }
  void InputPossible(uint32_t /*port*/) override {}

  size_t room = ~size_t{0};
  bool open = false;
  std::string output;
};

class VirtioConsoleDriverTest : public ::testing::Test {
 protected:
  void Start() { ASSERT_EQ(StartStatus(), Status::kOk); }
  Status StartStatus() { return StartOn(machine_, driver_); }
  // As the supervisor does it.
  static Status StartOn(FakeVirtioPci& machine, VirtioConsoleDriver& driver) {
    const auto function = VirtioConsoleDriver::Find(machine, machine.host);
    if (!function.ok()) return function.status();
    if (!machine.host.windows().empty()) {
      PciBarAssigner bars(machine.host);
      BULKHEAD_RETURN_IF_ERROR(bars.Assign(machine, *function));
    }
    return driver.Start(machine, *function);
  }
  std::string Receive(size_t count) {
    std::string text(count, '\0');
    text.resize(driver_.Receive(std::as_writable_bytes(std::span(text))));
    return text;
  }
  size_t Send(std::string_view text) { return driver_.Send(std::as_bytes(std::span(text))); }
  size_t DeviceSends(std::string_view text) {
    return device_.Input(0, std::as_bytes(std::span(text)));
  }

  Backend backend_;
  ConsoleDevice device_{backend_, "unused"};
  FakeVirtioPci machine_{device_};
  VirtioConsoleDriver driver_;
};

TEST_F(VirtioConsoleDriverTest, SendsAndReceives) {
  Start();
  EXPECT_TRUE(backend_.open);
  EXPECT_EQ(Receive(10), "");
  EXPECT_EQ(Send("from the node"), 13U);
  EXPECT_EQ(backend_.output, "from the node");
  EXPECT_EQ(machine_.interrupts, 1);
  EXPECT_EQ(DeviceSends("to the node"), 11U);
  EXPECT_EQ(machine_.interrupts, 2);
  EXPECT_EQ(Receive(3), "to ");
  EXPECT_EQ(Receive(100), "the node");
  EXPECT_EQ(Receive(100), "");
  EXPECT_EQ(device_.error(), VirtqueueError::kNone);
  EXPECT_EQ(driver_.status(), Status::kOk);
}

TEST_F(VirtioConsoleDriverTest, TransitionalDevice) {
  machine_.PutConfig<uint16_t>(kPciDeviceId, 0x1003);
  Start();
  EXPECT_EQ(Send("x"), 1U);
}

TEST_F(VirtioConsoleDriverTest, ManyBytesBothWays) {
  Start();
  std::string sent, received, expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = std::to_string(i * 7919) + std::string(i % 200, 'x');
    ASSERT_EQ(Send(piece), piece.size());
    sent += piece;
    ASSERT_EQ(DeviceSends(piece), piece.size());
    expected += piece;
    if (i % 5 == 0) received += Receive(100000);
  }
  received += Receive(100000);
  EXPECT_EQ(backend_.output, sent);
  EXPECT_EQ(received, expected);
  EXPECT_EQ(device_.error(), VirtqueueError::kNone);
}

TEST_F(VirtioConsoleDriverTest, FullInBothDirections) {
  Start();
  backend_.room = 0;
  const std::string text(100000, 'a');
  constexpr size_t kAll = VirtioConsoleDriver::kBuffers * VirtioConsoleDriver::kBufferBytes;
  EXPECT_EQ(Send(text), kAll);
  EXPECT_EQ(Send(text), 0U);
  EXPECT_EQ(DeviceSends(text), kAll);
  EXPECT_EQ(DeviceSends(text), 0U);
  const int before = machine_.interrupts;
  backend_.room = 5000;
  device_.Resume(0);
  EXPECT_GT(machine_.interrupts, before) << "room again";
  EXPECT_EQ(Send(text), VirtioConsoleDriver::kBufferBytes);
  EXPECT_EQ(Receive(4095).size(), 4095U);
  EXPECT_EQ(DeviceSends(text), 0U);
  EXPECT_EQ(Receive(1).size(), 1U);
  EXPECT_EQ(DeviceSends(text), 4096U);
}

TEST_F(VirtioConsoleDriverTest, NoDevice) {
  machine_.PutConfig<uint16_t>(kPciDeviceId, 0x1041);
  EXPECT_EQ(StartStatus(), Status::kNotFound);
  EXPECT_EQ(Send("x"), 0U);
  EXPECT_EQ(Receive(1), "");
}

TEST_F(VirtioConsoleDriverTest, NoModernInterface) {
  machine_.PutConfig<uint16_t>(kPciStatus, 0);
  EXPECT_EQ(StartStatus(), Status::kNotSupported);
}

TEST_F(VirtioConsoleDriverTest, NoVersion1) {
  machine_.offered = 0;
  EXPECT_EQ(StartStatus(), Status::kNotSupported);
}

TEST_F(VirtioConsoleDriverTest, NoVector) {
  machine_.refuse_vector = true;
  EXPECT_EQ(StartStatus(), Status::kNotSupported);
}

TEST_F(VirtioConsoleDriverTest, NoMemory) {
  machine_.dma_pages_left = 20;
  EXPECT_EQ(StartStatus(), Status::kNoMemory);
}

TEST_F(VirtioConsoleDriverTest, CapabilityListLoops) {
  machine_.PutConfig<uint8_t>(FakeVirtioPci::kNotifyCap + 1, FakeVirtioPci::kMsixCap);
  EXPECT_EQ(StartStatus(), Status::kNotSupported) << "the common capability is cut off";
}

// A machine without firmware: no addresses, and a bridge that shifts them.
TEST_F(VirtioConsoleDriverTest, AddressesFromWindow) {
  for (const uint32_t bar : {1, 4, 5}) machine_.PutConfig<uint32_t>(kPciBar0 + 4 * bar, 0);
  machine_.PutConfig<uint32_t>(kPciBar0 + 16, 0xc);
  ASSERT_TRUE(machine_.host.AddWindow(
      {.bus_address = 0x10000000, .start = HostPhysical{0x90000000}, .length = 0x100000}));
  machine_.window_offset = 0x80000000;
  Start();
  EXPECT_EQ(Send("x"), 1U);
  EXPECT_EQ(backend_.output, "x");
  EXPECT_EQ(machine_.interrupts, 1);
}

TEST_F(VirtioConsoleDriverTest, NoAddressesNoWindow) {
  machine_.PutConfig<uint32_t>(kPciBar0 + 16, 0xc);
  machine_.PutConfig<uint32_t>(kPciBar0 + 20, 0);
  EXPECT_EQ(StartStatus(), Status::kNotSupported);
}

TEST_F(VirtioConsoleDriverTest, AddressOutsideWindows) {
  ASSERT_TRUE(machine_.host.AddWindow(
      {.bus_address = 0x10000000, .start = HostPhysical{0x10000000}, .length = 0x100000}));
  EXPECT_EQ(StartStatus(), Status::kNotFound);
}

TEST_F(VirtioConsoleDriverTest, MessagesByTheMap) {
  ASSERT_TRUE(machine_.host.AddMsiRange({.requester = 0, .device = 0x1000, .count = 0x100}));
  Start();
  EXPECT_EQ(machine_.msi_device, 0x1000 + FakeVirtioPci::kRequester);
}

TEST_F(VirtioConsoleDriverTest, MessagesThatGoNowhere) {
  ASSERT_TRUE(machine_.host.AddMsiRange(
      {.requester = FakeVirtioPci::kRequester + 1, .device = 0, .count = 0x100}));
  EXPECT_EQ(StartStatus(), Status::kNotSupported);
}

TEST_F(VirtioConsoleDriverTest, AcceptsHowMemoryIsReached) {
  machine_.offered |= kVirtioFeatureAccessPlatform | kVirtioFeatureOrderPlatform | 1ULL << 40;
  Start();
  EXPECT_EQ(machine_.driver_features(),
            kVirtioFeatureVersion1 | kVirtioFeatureAccessPlatform | kVirtioFeatureOrderPlatform);
}

TEST_F(VirtioConsoleDriverTest, BadCapabilities) {
  struct Case {
    uint32_t offset;
    uint32_t value;
    Status status;
  };
  for (const Case& bad : {
           Case{FakeVirtioPci::kCommonCap + 8, 0x4000, Status::kCorrupt},
           Case{FakeVirtioPci::kCommonCap + 8, 0xffffffff, Status::kCorrupt},
           Case{FakeVirtioPci::kCommonCap + 8, 2, Status::kCorrupt},
           Case{FakeVirtioPci::kCommonCap + 12, 55, Status::kCorrupt},
           Case{FakeVirtioPci::kCommonCap + 12, 0x4001, Status::kCorrupt},
           Case{FakeVirtioPci::kCommonCap + 4, 6, Status::kCorrupt},
           Case{FakeVirtioPci::kCommonCap + 4, 0, Status::kNotSupported},
           Case{FakeVirtioPci::kNotifyCap + 8, 0x3001, Status::kCorrupt},
           Case{FakeVirtioPci::kNotifyCap + 12, 1, Status::kCorrupt},
           Case{FakeVirtioPci::kNotifyCap + 16, 0x10000000, Status::kCorrupt},
           Case{FakeVirtioPci::kMsixCap + 4, 0x1001, Status::kCorrupt},
           Case{kPciBar0 + 4, 1, Status::kCorrupt},
           Case{kPciBar0 + 4, 0, Status::kNotSupported},
       }) {
    FakeVirtioPci machine(device_);
    machine.PutConfig<uint32_t>(bad.offset, bad.value);
    VirtioConsoleDriver driver;
    EXPECT_EQ(StartOn(machine, driver), bad.status) << bad.offset << ' ' << bad.value;
  }
}

TEST_F(VirtioConsoleDriverTest, DeviceThatWritesNonsense) {
  Start();
  machine_.mute = true;
  ASSERT_EQ(Send("x"), 1U);
  const uint64_t used = machine_.used_ring(1);
  machine_.ram().PutValue(used + 4, VirtqUsedElement{.id = 77, .length = 0});
  machine_.ram().PutValue(used + 2, uint16_t{1});
  EXPECT_EQ(Send("x"), 0U);
  EXPECT_EQ(driver_.status(), Status::kCorrupt);
  EXPECT_FALSE(device_.active()) << "the driver resets it";
}

}  // namespace
}  // namespace bulkhead
