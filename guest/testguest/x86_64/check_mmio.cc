// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Device registers through every kind of instruction that the VMM emulates.

#include <cstdint>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/features.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {
namespace {

constexpr uint64_t kSelect = layout::kIoApicBase;
constexpr uint64_t kWindow = layout::kIoApicBase + 0x10;
constexpr uint64_t kVirtio = layout::VirtioMmioAddress(0);
constexpr uint32_t kMagic = 0x74726976, kVersion = 2;
constexpr uint64_t kHigh = uint64_t{0x1234} << 32;  // what 32-bit addresses must not look at

struct StringRegisters {
  uint64_t source, destination, count;
};

uint64_t Raw(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }
void SetWindowTo(uint32_t value) { WriteMmio<uint32_t>(kWindow, value); }
uint32_t WindowValue() { return ReadMmio<uint32_t>(kWindow); }

#define MOVES(name, text)                                                                    \
  StringRegisters name(StringRegisters at) {                                                 \
    asm volatile(text : "+S"(at.source), "+D"(at.destination), "+c"(at.count) : : "memory"); \
    return at;                                                                               \
  }

MOVES(Move4, "rep movsl")
MOVES(Move4Once, "movsl")
MOVES(Move4Backwards, "std; rep movsl; cld")
MOVES(Move4With32, "addr32 rep movsl")

// Of the register that `SetWindowTo(0xab000000)` set.
void CheckMoves() {
  uint32_t value = 0;
  asm volatile("movl (%1), %0" : "=r"(value) : "r"(kWindow));
  CheckEqual(value, 0xab000000, "mov");
  asm volatile("movl (%1,%2,4), %%r11d; movl %%r11d, %0"
               : "=r"(value)
               : "r"(kSelect), "r"(uint64_t{4})
               : "r11");
  CheckEqual(value, 0xab000000, "mov with index and scale");
  asm volatile("movabsl 0xfec00010, %0" : "=a"(value));
  CheckEqual(value, 0xab000000, "mov from an absolute address");
  uint64_t wide = ~uint64_t{0};
  asm volatile("movl (%1), %k0" : "=r"(wide) : "r"(kWindow));
  CheckEqual(wide, 0xab000000, "mov of 4 bytes clears the upper half");
  asm volatile("movslq (%1), %0" : "=r"(wide) : "r"(kWindow));
  CheckEqual(wide, 0xffffffffab000000, "movsxd");
  asm volatile("movl %k0, %%gs:(%1)" : : "r"(0x12000000), "r"(kWindow) : "memory");
  CheckEqual(WindowValue(), 0x12000000, "mov with a segment prefix");
  asm volatile("movnti %k0, (%1)" : : "r"(0x34000000), "r"(kWindow) : "memory");
  CheckEqual(WindowValue(), 0x34000000, "movnti");
  asm volatile("movq %0, (%1)" : : "r"(0x11111111ab000000), "r"(kWindow) : "memory");
  CheckEqual(WindowValue(), 0xab000000, "mov of 8 bytes");
}

void CheckReadModifyWrite() {
  uint32_t value = 0xcd000000;
  asm volatile("xchgl %0, (%1)" : "+r"(value) : "r"(kWindow) : "memory");
  CheckEqual(value, 0xab000000, "xchg reads");
  asm volatile("orl $0x11000000, (%0)" : : "r"(kWindow) : "memory");
  CheckEqual(WindowValue(), 0xdd000000, "or on memory");
  asm volatile("lock andl $0x0f000000, (%0)" : : "r"(kWindow) : "memory");
  CheckEqual(WindowValue(), 0x0d000000, "and on memory");
  asm volatile("cmpl $0x0d000000, (%1); sete %b0" : "=q"(value) : "r"(kWindow) : "cc");
  CheckEqual(value & 1, 1, "cmp with memory");
  uint64_t flags = 0;
  asm volatile("movl $0xf3000000, %%eax; addl %%eax, (%1); pushfq; popq %0"
               : "=r"(flags)
               : "r"(kWindow)
               : "rax", "memory", "cc");
  Check(WindowValue() == 0 && (flags & 0x8d5) == 0x45, "add on memory, with its flags");
  asm volatile("subl $0x01000000, (%1); pushfq; popq %0"
               : "=r"(flags)
               : "r"(kWindow)
               : "memory", "cc");
  Check(WindowValue() == 0xff000000 && (flags & 0x8d5) == 0x85, "sub on memory, with its flags");
}

void CheckStringsFrom() {
  uint32_t words[4] = {};
  StringRegisters at = Move4({kVirtio, Raw(words), 3});
  Check(words[0] == kMagic && words[1] == kVersion && words[2] != 0 && words[3] == 0 &&
            at.source == kVirtio + 12 && at.destination == Raw(words + 3) && at.count == 0,
        "rep movs from the device");
  words[0] = words[1] = words[2] = 0;
  at = Move4Backwards({kVirtio + 4, Raw(words + 2), 2});
  Check(words[2] == kVersion && words[1] == kMagic && words[0] == 0 && at.source == kVirtio - 4 &&
            at.destination == Raw(words) && at.count == 0,
        "rep movs from the device, backwards");
  words[0] = 0;
  at = Move4With32({kVirtio | kHigh, Raw(words) | kHigh, 1 | kHigh});
  Check(words[0] == kMagic && at.source == kVirtio + 4 && at.count == 0,
        "rep movs from the device with 32-bit addresses");
  at = Move4({kVirtio, Raw(words), 0});
  Check(at.source == kVirtio && at.destination == Raw(words), "rep movs of nothing");
  uint64_t source = kVirtio, value = ~uint64_t{0};
  asm volatile("lodsl" : "+S"(source), "+a"(value) : : "memory");
  Check(value == kMagic && source == kVirtio + 4, "lods");
}

void CheckStringsTo() {
  uint32_t words[2] = {0x21000000, 0x43000000};
  StringRegisters at = Move4Once({Raw(words), kWindow, 7});
  Check(WindowValue() == words[0] && at.source == Raw(words + 1) && at.destination == kWindow + 4 &&
            at.count == 7,
        "movs to the device");
  at = Move4Backwards({Raw(words + 1), kWindow, 1});
  Check(WindowValue() == words[1] && at.source == Raw(words) && at.destination == kWindow - 4,
        "rep movs to the device, backwards");
  at = Move4Once({kVirtio, kWindow, 0});
  Check(WindowValue() == (kMagic & 0xff000000) && at.source == kVirtio + 4 &&
            at.destination == kWindow + 4,
        "movs from device to device");
  uint64_t destination = kWindow, count = 1;
  asm volatile("rep stosl" : "+D"(destination), "+c"(count) : "a"(0x77000000) : "memory");
  Check(WindowValue() == 0x77000000 && destination == kWindow + 4 && count == 0,
        "rep stos to the device");
}

// What the other side of a string instruction raises is the guest's.
void CheckFaults() {
  const uint64_t unmapped = WindowAddress(3);
  Exception got = Try([&] { Move4({kVirtio, unmapped, 1}); });
  CheckRaises(got, kPageFaultVector, kErrorWrite, "rep movs to unmapped memory: #PF");
  CheckEqual(got.address, unmapped, "rep movs to unmapped memory: CR2");
  got = Try([&] { Move4({unmapped, kWindow, 1}); });
  CheckRaises(got, kPageFaultVector, 0, "rep movs from unmapped memory: #PF");
}

}  // namespace

void CheckMmio() {
  SetWindowTo(0xab000000);
  CheckMoves();
  CheckReadModifyWrite();
  CheckStringsFrom();
  CheckStringsTo();
  CheckFaults();
  SetWindowTo(0);
}

void CheckWideMmio(uint64_t address) {
  const auto wide = ReadMmio<uint64_t>(address);
  uint64_t by_words = ReadMmio<uint32_t>(address);
  by_words |= uint64_t{ReadMmio<uint32_t>(address + 4)} << 32;
  uint64_t by_bytes = 0;
  for (uint64_t i = 0; i < 8; ++i) by_bytes |= uint64_t{ReadMmio<uint8_t>(address + i)} << (8 * i);
  Check(wide != 0 && wide == by_words && wide == by_bytes,
        "8 bytes of a device are the same at once and one by one");
  uint64_t value = 0, source = address, destination = Raw(&value);
  asm volatile("movsq" : "+S"(source), "+D"(destination) : : "memory");
  CheckEqual(value, wide, "movs of 8 bytes");
  uint16_t half = 0;
  asm volatile("movzbw 4(%1), %0" : "=r"(half) : "r"(address));
  CheckEqual(half, wide >> 32 & 0xff, "movzx");
}

}  // namespace bulkhead::testguest
