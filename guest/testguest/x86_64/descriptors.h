// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_X86_64_DESCRIPTORS_H_
#define BULKHEAD_GUEST_TESTGUEST_X86_64_DESCRIPTORS_H_

// Segments (AMD APM 2, 4.7 and 4.8) and the task state segment (12.2.5).

#include <cstdint>

namespace bulkhead::testguest {

// The first two are those of start.S; the three of user mode are in SYSRET's order.
enum Selector : uint16_t {
  kCodeSelector = 0x08,
  kDataSelector = 0x10,
  kCode32Selector = 0x18,
  kCode16Selector = 0x20,
  kData16Selector = 0x28,
  kUserCode32Selector = 0x30 | 3,
  kUserDataSelector = 0x38 | 3,
  kUserCodeSelector = 0x40 | 3,
  kTaskSelector = 0x48,
  kLocalTableSelector = 0x58,
  kSpareSelector = 0x68,
};
inline constexpr uint16_t kDescriptorTableLimit = kSpareSelector + 15;

// What LGDT and LIDT read and SGDT and SIDT write.
struct [[gnu::packed]] DescriptorTable {
  uint16_t limit;
  uint64_t base;
};

// Loads a table with the segments above and the task register.
void InstallDescriptors();

// The descriptor that a selector below kSpareSelector + 8 names; system segments have a second
// half.
uint64_t& Descriptor(uint16_t selector);

// The top of a stack that SetGate's options can name: 1 to 7. All are the same stack.
uint64_t InterruptStackTop();

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_X86_64_DESCRIPTORS_H_
