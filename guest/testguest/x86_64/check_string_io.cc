// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Port I/O to and from memory, which the VMM finds through this guest's page tables.

#include <cstdint>

#include "guest/testguest/tap.h"
#include "guest/testguest/x86_64/interrupts.h"
#include "guest/testguest/x86_64/pages.h"
#include "guest/testguest/x86_64/processor_checks.h"
#include "vmm/x86_64/layout.h"

namespace bulkhead::testguest {
namespace {

constexpr uint16_t kPort = 0x1234;  // nothing there: reads as all ones
constexpr uint64_t kNonCanonical = uint64_t{1} << 47;
constexpr uint64_t kHigh = uint64_t{0xabcd} << 32;  // what 32-bit addresses must not look at

struct Pointer {
  uint64_t address, count;
};

uint64_t Raw(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

void OutByte(uint64_t from) { asm volatile("outsb" : "+S"(from) : "d"(kPort) : "memory"); }
void InByte(uint64_t to) { asm volatile("insb" : "+D"(to) : "d"(kPort) : "memory"); }

Pointer RepeatInWords(Pointer at) {
  asm volatile("rep insw" : "+D"(at.address), "+c"(at.count) : "d"(kPort) : "memory");
  return at;
}
Pointer RepeatInWordsBackwards(Pointer at) {
  asm volatile("std; rep insw; cld" : "+D"(at.address), "+c"(at.count) : "d"(kPort) : "memory");
  return at;
}
Pointer RepeatInBytes32(Pointer at) {
  asm volatile("addr32 rep insb" : "+D"(at.address), "+c"(at.count) : "d"(kPort) : "memory");
  return at;
}

void CheckOne() {
  uint8_t byte = 0x42;
  CheckRaisesNothing(Try([&] { OutByte(Raw(&byte)); }), "outs");
  CheckRaisesNothing(Try([&] { InByte(Raw(&byte)); }), "ins");
  CheckEqual(byte, 0xff, "ins writes memory");
}

void CheckRepeated() {
  uint16_t words[4] = {};
  Pointer at = RepeatInWords({Raw(words), 3});
  Check(at.count == 0 && at.address == Raw(words + 3) && words[0] == 0xffff && words[2] == 0xffff &&
            words[3] == 0,
        "rep ins");

  words[3] = words[2] = words[1] = words[0] = 0;
  at = RepeatInWordsBackwards({Raw(words + 3), 3});
  Check(at.count == 0 && at.address == Raw(words) && words[0] == 0 && words[1] == 0xffff &&
            words[3] == 0xffff,
        "rep ins, backwards");

  words[0] = 0x1111;
  at = RepeatInWords({kNonCanonical, 0});
  Check(at.count == 0 && at.address == kNonCanonical, "rep ins of nothing touches nothing");

  uint8_t bytes[3] = {};
  at = RepeatInBytes32({Raw(bytes) | kHigh, kHigh | 2});
  Check(at.count == 0 && at.address == Raw(bytes + 2) && bytes[1] == 0xff && bytes[2] == 0,
        "rep ins with 32-bit addresses");

  uint32_t doubles[2] = {};
  asm volatile("insl" : : "D"(doubles), "d"(kPort) : "memory");
  Check(doubles[0] == ~0u && doubles[1] == 0, "ins of four bytes");
}

// These results go to the UART by what they are about.
void CheckOutput() {
  Line line;
  FormatResult(line, true, "rep outs reaches the device, in order");
  uint64_t from = Raw(line.view().data()), count = line.view().size();
  asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(layout::kDebugUartPort) : "memory");
  CheckEqual(from, Raw(line.view().data() + line.view().size()), "rep outs moves its pointer");
}

void CheckSegment() {
  constexpr uint32_t kFsBase = 0xc0000100;
  Line line;
  FormatResult(line, true, "rep outs from the segment that its prefix says");
  WriteMsr(kFsBase, Raw(line.view().data()));
  uint64_t from = 0, count = line.view().size();
  asm volatile("fs rep outsb" : "+S"(from), "+c"(count) : "d"(layout::kDebugUartPort) : "memory");
  WriteMsr(kFsBase, 0);
}

void CheckFaults() {
  const uint64_t unmapped = WindowAddress(0);
  Exception got = Try([&] { OutByte(unmapped); });
  CheckRaises(got, kPageFaultVector, 0, "outs from unmapped memory: #PF");
  CheckEqual(got.address, unmapped, "outs from unmapped memory: CR2");
  got = Try([&] { InByte(unmapped + 5); });
  CheckRaises(got, kPageFaultVector, kErrorWrite, "ins to unmapped memory: #PF");
  CheckEqual(got.address, unmapped + 5, "ins to unmapped memory: CR2");
  CheckRaises(Try([&] { OutByte(kNonCanonical); }), kGeneralProtectionVector, 0,
              "outs from a non-canonical address: #GP");
  CheckRaises(Try([&] { InByte(kNonCanonical); }), kGeneralProtectionVector, 0,
              "ins to a non-canonical address: #GP");
}

}  // namespace

void CheckStringIo() {
  CheckOne();
  CheckRepeated();
  CheckOutput();
  CheckSegment();
  CheckFaults();
}

}  // namespace bulkhead::testguest
