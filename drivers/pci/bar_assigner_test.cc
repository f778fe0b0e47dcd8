// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/pci/bar_assigner.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <vector>

#include "drivers/pci/testing/fake_pci_bus.h"

namespace bulkhead {
namespace {

using testing::FakePciBus;

constexpr uint16_t kVendor = 0x1af4;
constexpr uint16_t kDevice = 0x1043;
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr PciWindow kLow = {
    .bus_address = 0x10000000, .start = HostPhysical{0x10000000}, .length = 0x2eff0000};
constexpr PciWindow kHigh = {
    .bus_address = 512 * kGiB, .start = HostPhysical{512 * kGiB}, .length = 512 * kGiB};

class PciBarAssignerTest : public ::testing::Test {
 protected:
  // Assigns the function that Find finds.
  Status Assign() {
    const auto found = PciFunction::Find(bus_, bus_.host, kVendor, std::array{kDevice});
    return found.ok() ? Assign(*found) : found.status();
  }
  Status Assign(const PciFunction& function) {
    if (!assigner_) assigner_.emplace(bus_.host);
    return assigner_->Assign(bus_, function);
  }

  FakePciBus bus_;
  FakePciBus::Function& device_ = bus_.Add(3 << 3, kVendor, kDevice);
  std::optional<PciBarAssigner> assigner_;
};

TEST_F(PciBarAssignerTest, NaturallyAlignedInTheWindow) {
  bus_.host.AddWindow(kLow);
  device_.PutBar(1, 0x1000, false);
  device_.PutBar(2, 0x40, false);
  device_.PutBar(4, 0x100000, true, true);
  ASSERT_EQ(Assign(), Status::kOk);
  EXPECT_EQ(device_.Bar(1, false), 0x10000000U);
  EXPECT_EQ(device_.Bar(2, false), 0x10001000U);
  EXPECT_EQ(device_.Bar(4, true), 0x10100000U);
  EXPECT_EQ(device_.Get<uint32_t>(kPciBar0 + 16) & 15, 12U) << "its flags stay";
  EXPECT_EQ(device_.Get<uint16_t>(kPciCommand), 0U);
  EXPECT_EQ(Assign(), Status::kOk) << "nothing to do";
  EXPECT_EQ(device_.Bar(1, false), 0x10000000U);
}

TEST_F(PciBarAssignerTest, DevicesApart) {
  bus_.host.AddWindow(kLow);
  device_.PutBar(0, 0x20, false);
  FakePciBus::Function& other = bus_.Add(4 << 3, kVendor, kDevice + 1);
  other.PutBar(0, 0x2000, false);
  ASSERT_EQ(Assign(), Status::kOk);
  const auto found =
      PciFunction::Find(bus_, bus_.host, kVendor, std::array<uint16_t, 1>{kDevice + 1});
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(Assign(*found), Status::kOk);
  EXPECT_EQ(device_.Bar(0, false), 0x10000000U);
  EXPECT_EQ(other.Bar(0, false), 0x10002000U);
}

TEST_F(PciBarAssignerTest, WideOnesGoAbove4GiB) {
  bus_.host.AddWindow(kHigh);
  device_.PutBar(0, 4 * kGiB, true);
  ASSERT_EQ(Assign(), Status::kOk);
  EXPECT_EQ(device_.Bar(0, true), 512 * kGiB);
  device_.PutBar(2, 0x1000, false);
  EXPECT_EQ(Assign(), Status::kNoMemory) << "no window that 32 bits reach";
}

TEST_F(PciBarAssignerTest, NotAtZero) {
  bus_.host.AddWindow({.bus_address = 0, .start = HostPhysical{0x4000000000}, .length = 0x10000});
  device_.PutBar(0, 0x4000, false);
  ASSERT_EQ(Assign(), Status::kOk);
  EXPECT_EQ(device_.Bar(0, false), 0x4000U);
}

TEST_F(PciBarAssignerTest, PrefetchableWindowsAreForPrefetchableBars) {
  PciWindow window = kLow;
  window.prefetchable = true;
  bus_.host.AddWindow(window);
  device_.PutBar(0, 0x1000, false);
  EXPECT_EQ(Assign(), Status::kNoMemory);
  device_.PutBar(0, 0x1000, false, true);
  EXPECT_EQ(Assign(), Status::kOk);
}

TEST_F(PciBarAssignerTest, DoesNotFit) {
  bus_.host.AddWindow({.bus_address = 0x10001000, .start = HostPhysical{0}, .length = 0x1fff});
  device_.PutBar(0, 0x2000, false);
  EXPECT_EQ(Assign(), Status::kNoMemory) << "not where it would be aligned";
  device_.PutBar(0, 0x1000, false);
  EXPECT_EQ(Assign(), Status::kOk);
  device_.PutBar(1, 0x1000, false);
  EXPECT_EQ(Assign(), Status::kNoMemory);
}

TEST_F(PciBarAssignerTest, HugeBarsDoNotWrap) {
  bus_.host.AddWindow(
      {.bus_address = ~uint64_t{0} - 0x1fff, .start = HostPhysical{0}, .length = 0x1fff});
  bus_.host.AddWindow(kHigh);
  for (int shift = 40; shift < 64; ++shift) {
    device_.PutBar(0, uint64_t{1} << shift, true);
    EXPECT_EQ(Assign(), Status::kNoMemory) << shift;
  }
}

TEST_F(PciBarAssignerTest, FirmwareWasThere) {
  bus_.host.AddWindow(kLow);
  device_.PutBar(0, 0x1000, false);
  device_.Put<uint32_t>(kPciBar0, 0x20000000);
  bus_.Add(0, 0x1b36, 0x0008).Put<uint16_t>(kPciCommand, kPciCommandMemory);
  EXPECT_EQ(Assign(), Status::kOk);
  EXPECT_EQ(device_.Bar(0, false), 0x20000000U);
  device_.PutBar(1, 0x1000, false);
  EXPECT_EQ(Assign(), Status::kBusy) << "what the other device has is not known";
}

TEST_F(PciBarAssignerTest, NoWindowsNoBridgesNoOtherBus) {
  device_.PutBar(0, 0x1000, false);
  EXPECT_EQ(Assign(), Status::kNotSupported) << "no windows";
  assigner_.reset();
  bus_.host.AddWindow(kLow);
  device_.Put<uint8_t>(kPciHeaderType, 1);
  EXPECT_EQ(Assign(), Status::kNotSupported) << "a bridge";
  device_.Put<uint8_t>(kPciHeaderType, 0);
  const auto found = PciFunction::Find(bus_, bus_.host, kVendor, std::array{kDevice});
  EXPECT_EQ(Assign(PciFunction(&bus_, &bus_.host, found->config(), 0x118)), Status::kNotSupported)
      << "behind one";
}

TEST_F(PciBarAssignerTest, BarThatDoesNotKeepItsAddress) {
  bus_.host.AddWindow(kLow);
  device_.PutBar(0, 0x1000, false);
  device_.bar_mask[0] = 0x80001000;  // sizes like this do not exist
  EXPECT_EQ(Assign(), Status::kOk);
  EXPECT_EQ(device_.Bar(0, false), 0U) << "no BAR at all";
  device_.bar_mask[0] = 0xc0000000;
  EXPECT_EQ(Assign(), Status::kNoMemory);
}

TEST(PciBusTest, FindsFunctions) {
  FakePciBus bus;
  bus.Add(0, 1, 1);
  bus.Add(1, 1, 2);  // 00.1 of a device that says it has one function
  bus.Add(2 << 3, 1, 3).Put<uint8_t>(kPciHeaderType, 0x80);
  bus.Add((2 << 3) + 5, 1, 4);
  bus.Add((9 << 3) + 1, 1, 5);  // no function 0
  bus.Add(255, 1, 6);
  bus.Add(31 << 3, 1, 7).Put<uint8_t>(kPciHeaderType, 0x80);
  const auto map = PciBus::Map(bus, bus.host, 0);
  ASSERT_TRUE(map.ok());
  std::vector<uint32_t> found;
  for (uint32_t number = 0; const auto function = map->NextFunction(number); ++number) {
    EXPECT_EQ(function->requester(), number);
    found.push_back(number);
  }
  EXPECT_EQ(found, (std::vector<uint32_t>{0, 16, 21, 248, 255}));
}

TEST(PciRegistersTest, OnlyInsideAndAligned) {
  FakePciBus bus;
  bus.Add(0, 0x1234, 0x5678);
  const auto map = PciBus::Map(bus, bus.host, 0);
  uint32_t number = 0;
  const auto config = map->NextFunction(number)->config();
  EXPECT_EQ(config.Read32(0), 0x56781234U);
  EXPECT_EQ(config.Read16(2), 0x5678U);
  EXPECT_EQ(config.Read32(1), ~0U);
  EXPECT_EQ(config.Read16(1), 0xffffU);
  EXPECT_EQ(config.Read8(kPciFunctionBytes - 1), 0U);
  EXPECT_EQ(config.Read8(kPciFunctionBytes), 0xffU);
  config.Write16(kPciCommand + 1, 0xffff);
  EXPECT_EQ(config.Read16(kPciCommand), 0U);
}

TEST(PciHostTest, Windows) {
  PciHost host;
  EXPECT_EQ(*host.ToPhysical(0x1234, 1), HostPhysical{0x1234});
  ASSERT_TRUE(
      host.AddWindow({.bus_address = 0x1000, .start = HostPhysical{0x501000}, .length = 0x1000}));
  EXPECT_EQ(*host.ToPhysical(0x1800, 0x800), HostPhysical{0x501800});
  EXPECT_EQ(host.ToPhysical(0x1801, 0x800).status(), Status::kNotFound);
  EXPECT_EQ(host.ToPhysical(0xfff, 1).status(), Status::kNotFound);
  EXPECT_EQ(host.ToPhysical(0x1000, ~uint64_t{0}).status(), Status::kNotFound);
  PciWindow window = {.bus_address = 0x1fff, .start = HostPhysical{0}, .length = 1};
  EXPECT_FALSE(host.AddWindow(window)) << "overlaps";
  window.bus_address = 0x2000;
  window.length = 0;
  EXPECT_FALSE(host.AddWindow(window)) << "empty";
  window.length = ~uint64_t{0} - 0x1fff;
  EXPECT_FALSE(host.AddWindow(window)) << "wraps";
  for (uint32_t i = 1; i < kMaxPciWindows; ++i) {
    window = {.bus_address = 0x2000 * i, .start = HostPhysical{0}, .length = 0x1000};
    EXPECT_TRUE(host.AddWindow(window));
  }
  EXPECT_FALSE(host.AddWindow(kHigh)) << "too many";
}

TEST(PciHostTest, MessageRanges) {
  PciHost host;
  EXPECT_EQ(*host.MsiDevice(0x18), 0x18U);
  ASSERT_TRUE(host.AddMsiRange({.requester = 0x100, .device = 0x20, .count = 2}));
  EXPECT_EQ(*host.MsiDevice(0x101), 0x21U);
  EXPECT_EQ(host.MsiDevice(0x102).status(), Status::kNotFound);
  EXPECT_EQ(host.MsiDevice(0xff).status(), Status::kNotFound);
  EXPECT_FALSE(host.AddMsiRange({.requester = 1, .device = 0, .count = ~0U}));
  EXPECT_FALSE(host.AddMsiRange({.requester = 0, .device = ~0U, .count = 1}));
}

}  // namespace
}  // namespace bulkhead
