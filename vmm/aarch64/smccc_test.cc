// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/aarch64/smccc.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bulkhead {
namespace {

using Kind = SmcccOutcome::Kind;
using Results = std::array<uint64_t, 4>;

constexpr uint64_t kMinus1 = ~uint64_t{0};
constexpr uint64_t kMinus2 = kMinus1 - 1;
constexpr uint64_t kMinus3 = kMinus1 - 2;
constexpr uint64_t kMinus4 = kMinus1 - 3;

class Ones final : public EntropySource {
 public:
  size_t Entropy(std::span<std::byte> out) override {
    const size_t count = std::min(out.size(), room);
    std::ranges::fill(out.first(count), std::byte{0xff});
    return count;
  }
  size_t room = 1000;
};

class SmcccTest : public testing::Test {
 protected:
  SmcccOutcome Call(uint64_t function, uint64_t x1 = 0, uint64_t x2 = 0, uint64_t x3 = 0) {
    return smccc_.Call(std::array{function, x1, x2, x3});
  }
  uint64_t Value(uint64_t function, uint64_t x1 = 0, uint64_t x2 = 0) {
    const SmcccOutcome outcome = Call(function, x1, x2);
    EXPECT_EQ(outcome.kind, Kind::kReturn);
    return outcome.results[0];
  }
  Ones ones_;
  static constexpr uint64_t kStolen = 0x0910'0000;

  Smccc smccc_{1, &ones_, kStolen};
};

TEST_F(SmcccTest, Versions) {
  EXPECT_EQ(Value(0x8000'0000), 0x1'0001u);
  EXPECT_EQ(Value(0x8400'0000), 0x1'0001u);
  EXPECT_EQ(Value(0x8400'0050), 0x1'0000u);
  EXPECT_EQ(Value(0xdead'beef'8400'0000), 0x1'0001u);  // only W0 is the function
}

TEST_F(SmcccTest, Features) {
  for (const uint64_t there :
       {0x8400'0000u, 0x8400'0001u, 0xc400'0001u, 0x8400'0002u, 0x8400'0003u, 0xc400'0003u,
        0x8400'0004u, 0xc400'0004u, 0x8400'0006u, 0x8400'0008u, 0x8400'0009u, 0x8400'000au,
        0x8400'0012u, 0xc400'0012u, 0x8000'0000u}) {
    EXPECT_EQ(Value(0x8400'000a, there), 0u) << std::hex << there;
  }
  for (const uint64_t missing :
       {0x8400'0005u, 0xc400'0008u, 0xc400'0002u, 0x8400'000bu, 0x8400'0014u, 0xc500'0020u, 0u}) {
    EXPECT_EQ(Value(0x8400'000a, missing), kMinus1) << std::hex << missing;
  }
  EXPECT_EQ(Value(0x8000'0001, 0x8000'0001), 0u);
  for (const uint64_t missing : {0x8000'0002u, 0x8000'8000u, 0x8000'7fffu, 0x8000'3fffu}) {
    EXPECT_EQ(Value(0x8000'0001, missing), kMinus1) << std::hex << missing;
  }
}

TEST_F(SmcccTest, UnknownCalls) {
  for (const uint64_t function : {0ul, 0x8600'ff01ul, 0x8500'0020ul, 0xc500'0022ul, 0x8400'0007ul,
                                  0x8000'0002ul, 0x8400'00fful, kMinus1}) {
    EXPECT_EQ(Value(function), kMinus1) << std::hex << function;
  }
}

TEST_F(SmcccTest, StolenTime) {
  EXPECT_EQ(Value(0x8000'0001, 0xc500'0020), 0u);
  EXPECT_EQ(Value(0xc500'0020, 0xc500'0020), 0u);
  EXPECT_EQ(Value(0xc500'0020, 0xc500'0021), 0u);
  EXPECT_EQ(Value(0xc500'0020, 0xc500'0022), kMinus1);
  EXPECT_EQ(Value(0xc500'0021), kStolen);
  Smccc without(1, nullptr, 0);
  const std::array<uint64_t, 4> call = {0xc500'0021, 0, 0, 0};
  EXPECT_EQ(without.Call(call).results[0], kMinus1);
}

TEST_F(SmcccTest, OneProcessor) {
  EXPECT_EQ(Value(0xc400'0003, 0, 0x4000'0000), kMinus4);
  EXPECT_EQ(Value(0xc400'0003, 1, 0x4000'0000), kMinus2);
  EXPECT_EQ(Value(0xc400'0003, 0x100), kMinus2);
  EXPECT_EQ(Value(0x8400'0003, 0), kMinus4);
  EXPECT_EQ(Value(0xc400'0004, 0, 0), 0u);
  EXPECT_EQ(Value(0xc400'0004, 0, 1), kMinus2);
  EXPECT_EQ(Value(0xc400'0004, 1, 0), kMinus2);
  EXPECT_EQ(Value(0x8400'0006), 2u);
  EXPECT_EQ(Value(0xc400'0001), 0u);
  EXPECT_EQ(Call(0x8400'0002).kind, Kind::kCpuOff);
}

TEST_F(SmcccTest, Power) {
  EXPECT_EQ(Call(0x8400'0008).kind, Kind::kPowerOff);
  EXPECT_EQ(Call(0x8400'0009).kind, Kind::kReset);
  EXPECT_EQ(Call(0xc400'0012).kind, Kind::kReset);
  EXPECT_EQ(Value(0xc400'0012, 1), kMinus2);
}

TEST_F(SmcccTest, Random) {
  EXPECT_EQ(Call(0xc400'0053, 192).results, (Results{0, kMinus1, kMinus1, kMinus1}));
  EXPECT_EQ(Call(0xc400'0053, 65).results, (Results{0, 0, 1, kMinus1}));
  EXPECT_EQ(Call(0xc400'0053, 1).results, (Results{0, 0, 0, 1}));
  EXPECT_EQ(Call(0xc400'0053, 193).results, (Results{kMinus2}));
  EXPECT_EQ(Call(0xc400'0053, 0).results, (Results{kMinus2}));
  EXPECT_EQ(Call(0x8400'0053, 96).results, (Results{0, 0xffff'ffff, 0xffff'ffff, 0xffff'ffff}));
  EXPECT_EQ(Call(0x8400'0053, 33).results, (Results{0, 0, 1, 0xffff'ffff}));
  EXPECT_EQ(Call(0x8400'0053, 97).results, (Results{kMinus2}));
  ones_.room = 3;
  EXPECT_EQ(Call(0xc400'0053, 64).results, (Results{kMinus3}));
}

TEST_F(SmcccTest, WithoutEntropy) {
  Smccc without(1, nullptr, 0);
  for (const uint64_t function : {0x8400'0050ul, 0x8400'0051ul, 0x8400'0052ul, 0xc400'0053ul}) {
    EXPECT_EQ(without.Call(std::array{function, 64ul, 0ul, 0ul}).results[0], kMinus1);
  }
}

}  // namespace
}  // namespace bulkhead
