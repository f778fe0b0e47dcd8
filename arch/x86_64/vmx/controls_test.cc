// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The controls computed from capability MSRs (Intel SDM 3D, appendix A).

#include "arch/x86_64/vmx/controls.h"

#include <string_view>

#include "arch/x86_64/vmx/access_rights.h"
#include "gtest/gtest.h"

namespace bulkhead::arch::vmx {
namespace {

// The least processor that has everything: the true controls' defaults of one are one.
Capabilities Enough() {
  return {
      .pin = 0x0000'007f'0000'0016,
      .primary = 0xfff9'fffe'0400'6172,
      .secondary = 0x0000'10ff'0000'0000,
      .exit = 0x007f'ffff'0003'6dfb,
      .entry = 0x0000'ffff'0000'11fb,
      .ept_vpid = 0x0f01'0633'4141,
  };
}

TEST(ControlsTest, OfAProcessorThatHasEverything) {
  Controls c = {};
  ASSERT_EQ(ComputeControls(Enough(), c), nullptr);
  EXPECT_EQ(c.pin, 0x16u | 1 << 0 | 1 << 3 | 1 << 5 | 1 << 6);
  EXPECT_EQ(c.primary & kInterruptWindow, 0u);
  EXPECT_EQ(c.primary & (kCr3LoadExit | kCr3StoreExit | kInvlpgExit), 0u);
  EXPECT_EQ(c.primary & (kHltExit | kIoExit | kUseMsrBitmap | kUseSecondary),
            uint32_t{kHltExit | kIoExit | kUseMsrBitmap | kUseSecondary});
  EXPECT_EQ(c.secondary, uint32_t{kUseEpt | kUseVpid | kUnrestrictedGuest | kAllowRdtscp |
                                  kWbinvdExit | kAllowInvpcid});
  // Always-one bits stay one.
  EXPECT_EQ(c.exit & 0x36dfb, 0x36dfbu);
  EXPECT_EQ(c.entry & kGuest64, 0u);
  // Write back, four levels, accessed and dirty.
  EXPECT_EQ(c.ept_pointer, 0x5eu);
}

TEST(ControlsTest, WhatIsWelcomeIsNotNeeded) {
  Capabilities few = Enough();
  few.secondary = 0x0000'00a2'0000'0000;
  few.ept_vpid &= ~uint64_t{1 << 21};
  Controls c = {};
  ASSERT_EQ(ComputeControls(few, c), nullptr);
  EXPECT_EQ(c.secondary, uint32_t{kUseEpt | kUseVpid | kUnrestrictedGuest});
  EXPECT_EQ(c.ept_pointer, 0x1eu);
}

// One thing after the other is missing, and the answer names it.
TEST(ControlsTest, WhatIsMissingIsNamed) {
  const auto lack = [](uint64_t Capabilities::* which, uint32_t bits) {
    Capabilities c = Enough();
    c.*which &= ~(uint64_t{bits} << 32);
    Controls controls = {};
    const char* problem = ComputeControls(c, controls);
    return std::string_view(problem == nullptr ? "" : problem);
  };
  EXPECT_NE(lack(&Capabilities::pin, kVirtualNmis).find("virtual NMIs"), std::string_view::npos);
  EXPECT_NE(lack(&Capabilities::pin, kUsePreemptionTimer).find("preemption timer"),
            std::string_view::npos);
  for (const uint32_t bit : {uint32_t{kUseEpt}, uint32_t{kUseVpid}, uint32_t{kUnrestrictedGuest}}) {
    EXPECT_NE(lack(&Capabilities::secondary, bit).find("unrestricted guest"),
              std::string_view::npos);
  }
  EXPECT_NE(lack(&Capabilities::primary, kUseSecondary).find("EPT"), std::string_view::npos);
  EXPECT_NE(lack(&Capabilities::primary, kUseMsrBitmap).find("MSR bitmaps"),
            std::string_view::npos);
  EXPECT_NE(lack(&Capabilities::exit, kSaveEfer).find("EFER"), std::string_view::npos);
  EXPECT_NE(lack(&Capabilities::entry, kLoadPat).find("PAT"), std::string_view::npos);
}

// Without the true controls every access to CR3 leaves the guest.
TEST(ControlsTest, DefaultsThatCannotBeTurnedOffAreRefused) {
  Capabilities old = Enough();
  old.primary |= kCr3LoadExit;
  Controls c = {};
  EXPECT_NE(ComputeControls(old, c), nullptr);
}

TEST(ControlsTest, EptOfTooLittle) {
  for (const int bit : {6, 14, 16, 20, 25}) {
    Capabilities c = Enough();
    c.ept_vpid &= ~(uint64_t{1} << bit);
    Controls controls = {};
    EXPECT_NE(ComputeControls(c, controls), nullptr) << bit;
  }
}

TEST(AccessRightsTest, BothWays) {
  EXPECT_EQ(ToAccessRights(0xc9b), 0xc09bu);  // 4 GiB of code, 32 bit
  EXPECT_EQ(ToAttributes(0xc09b), 0xc9b);
  EXPECT_EQ(ToAccessRights(0xa9b), 0xa09bu);  // 64 bit
  EXPECT_EQ(ToAccessRights(0), kUnusable);    // a null selector
  EXPECT_EQ(ToAccessRights(0x13), kUnusable | 0x13);
  EXPECT_EQ(ToAttributes(kUnusable | 0xc093), 0xc13);
}

}  // namespace
}  // namespace bulkhead::arch::vmx
