// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/x86_64/cpuid.h"

#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "vmm/x86_64/cpu_state.h"

namespace bulkhead {
namespace {

using Table = std::map<std::pair<uint32_t, uint32_t>, CpuidRegisters>;
Table* machine = nullptr;

CpuidRegisters Machine(uint32_t leaf, uint32_t subleaf) {
  const auto at = machine->find({leaf, subleaf});
  return at == machine->end() ? CpuidRegisters{} : at->second;
}

constexpr uint32_t kAll = 0xffffffff;

class CpuidTest : public testing::Test {
 protected:
  CpuidTest() {
    machine = &table_;
    // A machine with every feature bit there is.
    table_[{0, 0}] = {0x20, 0x68747541, 0x444d4163, 0x69746e65};
    table_[{1, 0}] = {0x00a20f10, 0x12340800, kAll, kAll};
    table_[{5, 0}] = {kAll, kAll, kAll, kAll};
    table_[{7, 0}] = {2, kAll, kAll, kAll};
    table_[{7, 1}] = {kAll, kAll, kAll, kAll};
    table_[{0xa, 0}] = {kAll, kAll, kAll, kAll};
    table_[{0xd, 0}] = {0x2e7, 2696, 2696, 0};
    table_[{0xd, 1}] = {0x1f, 2696, 0x1800, 0};
    table_[{0xd, 2}] = {256, 576, 0, 0};
    table_[{0xd, 5}] = {64, 1088, 2, 0};
    table_[{0xd, 6}] = {512, 1152, 2, 0};
    table_[{0xd, 7}] = {1024, 1664, 2, 0};
    table_[{0xd, 9}] = {8, 2688, 0, 0};
    table_[{0x80000000, 0}] = {0x80000028, 0x68747541, 0x444d4163, 0x69746e65};
    table_[{0x80000001, 0}] = {0x00a20f10, kAll, kAll, kAll};
    table_[{0x80000007, 0}] = {0, 0, 0, kAll};
    table_[{0x80000008, 0}] = {0x3030, kAll, kAll, kAll};
    table_[{0x8000000a, 0}] = {1, 16, 0, kAll};
    table_[{0x8000001f, 0}] = {kAll, kAll, kAll, kAll};
  }
  ~CpuidTest() override { machine = nullptr; }

  CpuidRegisters Get(uint32_t leaf, uint32_t subleaf = 0) {
    guest_.supported_xcr0 = SupportedXcr0(&Machine);
    return GuestCpuid(leaf, subleaf, guest_, &Machine);
  }
  static std::string Chars(CpuidRegisters r) {
    const uint32_t words[] = {r.ebx, r.ecx, r.edx};
    char text[12];
    std::memcpy(text, words, sizeof(text));
    return {text, sizeof(text)};
  }
  static bool Bit(uint32_t value, int bit) { return (value >> bit & 1) != 0; }

  Table table_;
  CpuidGuest guest_;
};

TEST_F(CpuidTest, Signatures) {
  EXPECT_EQ(Chars(Get(0x40000000)), "BulkheadBulk");
  EXPECT_EQ(Get(0x40000000).eax, 0x40000000u);
  EXPECT_EQ(Chars(Get(0x40000100)), std::string("KVMKVMKVM\0\0\0", 12));
  EXPECT_EQ(Get(0x40000100).eax, 0x40000101u);
  EXPECT_EQ(Get(0x40000101), (CpuidRegisters{1u << 24 | 1u << 3 | 1u << 1, 0, 0, 0}));
  // How Linux looks for it; nothing else answers in that range.
  for (uint32_t leaf = 0x40000000; leaf < 0x40010000; ++leaf) {
    if (leaf != 0x40000000 && leaf != 0x40000100 && leaf != 0x40000101) {
      ASSERT_EQ(Get(leaf), CpuidRegisters{}) << std::hex << leaf;
    }
  }
}

TEST_F(CpuidTest, Ranges) {
  EXPECT_EQ(Get(0).eax, 0x16u);
  EXPECT_EQ(Chars(Get(0)), "AuthcAMDenti");  // EBX, ECX, EDX: the vendor is the machine's
  table_[{0, 0}].eax = 7;
  EXPECT_EQ(Get(0).eax, 0xdu);
  guest_.tsc_hz = 1'000'000'000;
  EXPECT_EQ(Get(0).eax, 0x16u);
  EXPECT_EQ(Get(0x80000000).eax, 0x80000008u);
  EXPECT_EQ(Get(0x80000028), CpuidRegisters{});
  EXPECT_EQ(Get(0x8fffffff), CpuidRegisters{});
}

TEST_F(CpuidTest, FeaturesOfTheRichestMachine) {
  const CpuidRegisters features = Get(1);
  EXPECT_EQ(features.eax, 0x00a20f10u);
  EXPECT_EQ(features.ebx, 0x00010800u);
  for (const int bit : {0, 1, 9, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31}) {
    EXPECT_TRUE(Bit(features.ecx, bit)) << bit;
  }
  for (const int bit : {2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 16, 18, 27}) {
    EXPECT_FALSE(Bit(features.ecx, bit)) << bit;
  }
  for (const int bit : {7, 12, 14, 18, 21, 22, 28, 29, 31}) {
    EXPECT_FALSE(Bit(features.edx, bit)) << bit;
  }
  // What 64-bit Linux and the x86-64 ABI require.
  for (const int bit : {0, 4, 5, 6, 8, 9, 13, 15, 16, 23, 24, 25, 26}) {
    EXPECT_TRUE(Bit(features.edx, bit)) << bit;
  }
  const CpuidRegisters more = Get(7);
  EXPECT_EQ(more.eax, 1u);
  for (const int bit : {1, 2, 4, 11, 12, 14, 15, 22, 25}) EXPECT_FALSE(Bit(more.ebx, bit)) << bit;
  EXPECT_TRUE(Bit(more.ebx, 18));  // RDSEED
  for (const int bit : {0, 3, 4, 5, 7, 13, 16, 22, 23, 24, 25, 27, 28, 29, 30, 31}) {
    EXPECT_FALSE(Bit(more.ecx, bit)) << bit;
  }
  for (const int bit : {15, 22, 24, 25, 26, 27, 28, 29, 30, 31}) {
    EXPECT_FALSE(Bit(more.edx, bit)) << bit;
  }
  const CpuidRegisters extended = Get(0x80000001);
  for (const int bit : {1, 2, 3, 4, 9, 10, 12, 13, 15, 22, 23, 24, 27, 28, 29}) {
    EXPECT_FALSE(Bit(extended.ecx, bit)) << bit;
  }
  EXPECT_TRUE(Bit(extended.edx, 29) && Bit(extended.edx, 20) && Bit(extended.edx, 11));
  for (const int bit : {7, 12, 14, 25, 27}) EXPECT_FALSE(Bit(extended.edx, bit)) << bit;
}

TEST_F(CpuidTest, WhatDoesNotExist) {
  for (const uint32_t leaf : {3u, 5u, 8u, 9u, 0xau, 0xcu, 0xfu, 0x10u, 0x12u, 0x14u, 0x1au, 0x1fu,
                              0x8000000au, 0x8000001du, 0x8000001eu, 0x8000001fu}) {
    table_[{leaf, 0}] = {kAll, kAll, kAll, kAll};
    EXPECT_EQ(Get(leaf), CpuidRegisters{}) << std::hex << leaf;
  }
}

// A machine without any feature: only what the hypervisor makes remains.
TEST_F(CpuidTest, FeaturesOfThePoorestMachine) {
  table_.clear();
  EXPECT_EQ(Get(1).ecx, 1u << 21 | 1u << 24 | 1u << 31);
  EXPECT_EQ(Get(1).edx, 1u << 9);
  EXPECT_EQ(Get(7), CpuidRegisters{});
  EXPECT_EQ(Get(0xd), CpuidRegisters{});
  EXPECT_EQ(Get(0x80000007).edx, 1u << 8);
  EXPECT_EQ(SupportedXcr0(&Machine), 0u);
}

TEST_F(CpuidTest, OsxsaveFollowsCr4) {
  EXPECT_FALSE(Bit(Get(1).ecx, 27));
  guest_.cr4 = kCr4Osxsave;
  EXPECT_TRUE(Bit(Get(1).ecx, 27));
}

TEST_F(CpuidTest, TscAux) {
  guest_.tsc_aux = true;
  EXPECT_TRUE(Bit(Get(0x80000001).edx, 27));
  EXPECT_TRUE(Bit(Get(7).ecx, 22));
}

TEST_F(CpuidTest, ExtendedState) {
  EXPECT_EQ(SupportedXcr0(&Machine), 0xe7u);  // without protection keys
  EXPECT_EQ(Get(0xd), (CpuidRegisters{0xe7, 576, 2688, 0}));
  guest_.xcr0 = 7;
  EXPECT_EQ(Get(0xd).ebx, 832u);
  EXPECT_EQ(Get(0xd, 1), (CpuidRegisters{7, 832, 0, 0}));
  guest_.xcr0 = 0xe7;
  EXPECT_EQ(Get(0xd).ebx, 2688u);
  // Compacted: 576, AVX 256, then 64, 512 and 1024 aligned to 64.
  EXPECT_EQ(Get(0xd, 1).ebx, 576u + 256 + 64 + 512 + 1024);
  EXPECT_EQ(Get(0xd, 2), (CpuidRegisters{256, 576, 0, 0}));
  EXPECT_EQ(Get(0xd, 7), (CpuidRegisters{1024, 1664, 2, 0}));
  EXPECT_EQ(Get(0xd, 9), CpuidRegisters{});
  EXPECT_EQ(Get(0xd, 63), CpuidRegisters{});
  EXPECT_EQ(Get(0xd, kAll), CpuidRegisters{});
}

// Features whose state cannot be enabled go with it.
TEST_F(CpuidTest, WithoutAvxState) {
  table_[{0xd, 0}].eax = 0x03;
  EXPECT_EQ(SupportedXcr0(&Machine), 3u);
  for (const int bit : {12, 28, 29}) EXPECT_FALSE(Bit(Get(1).ecx, bit)) << bit;
  EXPECT_FALSE(Bit(Get(7).ebx, 5));
  EXPECT_FALSE(Bit(Get(7, 1).eax, 4));
  table_[{0xd, 0}].eax = 0x27;  // part of AVX-512 is nothing
  EXPECT_EQ(SupportedXcr0(&Machine), 7u);
  EXPECT_FALSE(Bit(Get(7).ebx, 16));
  EXPECT_TRUE(Bit(Get(7).ebx, 5));
}

TEST_F(CpuidTest, TopologyOfOne) {
  EXPECT_EQ(Get(0xb), (CpuidRegisters{0, 1, 0x100, 0}));
  EXPECT_EQ(Get(0xb, 1), (CpuidRegisters{0, 1, 0x201, 0}));
  EXPECT_EQ(Get(0xb, 2), (CpuidRegisters{0, 0, 2, 0}));
  EXPECT_EQ(Get(0x80000008).ecx, 0u);
  EXPECT_FALSE(Bit(Get(1).edx, 28));
}

TEST_F(CpuidTest, TopologyOfSix) {
  guest_.cpus = 6;
  guest_.vcpu = 5;
  table_[{4, 3}] = {0x63 | 0xffu << 14 | 0x3fu << 26, 1, 2, 3};  // L3
  table_[{4, 0}] = {0x21 | 1u << 14 | 0x3fu << 26, 1, 2, 3};     // L1, two threads
  EXPECT_EQ(Get(1).ebx, 0x05060800u);
  EXPECT_TRUE(Bit(Get(1).edx, 28));
  EXPECT_EQ(Get(0xb).edx, 5u);
  EXPECT_EQ(Get(0xb, 1), (CpuidRegisters{3, 6, 0x201, 5}));
  EXPECT_EQ(Get(0x80000008).ecx, 0x3005u);
  EXPECT_TRUE(Bit(Get(0x80000001).ecx, 1));
  EXPECT_EQ(Get(4, 3).eax, 0x63 | 7u << 14 | 7u << 26);
  EXPECT_EQ(Get(4, 0).eax, 0x21 | 0u << 14 | 7u << 26);
}

TEST_F(CpuidTest, Frequencies) {
  EXPECT_EQ(Get(0x15), CpuidRegisters{});
  guest_.tsc_hz = 2'900'000'000;
  EXPECT_EQ(Get(0x15), CpuidRegisters{});
  EXPECT_EQ(Get(0x16), (CpuidRegisters{2900, 2900, 0, 0}));
  guest_.apic_timer_hz = 1'000'000'000;
  EXPECT_EQ(Get(0x15), (CpuidRegisters{10, 29, 1'000'000'000, 0}));
  guest_.apic_timer_hz = guest_.tsc_hz;
  EXPECT_EQ(Get(0x15), (CpuidRegisters{1, 1, 2'900'000'000, 0}));
  guest_.apic_timer_hz = 1ull << 40;
  EXPECT_EQ(Get(0x15), CpuidRegisters{});
}

}  // namespace
}  // namespace bulkhead
