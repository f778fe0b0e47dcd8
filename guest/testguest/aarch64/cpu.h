// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_TESTGUEST_AARCH64_CPU_H_
#define BULKHEAD_GUEST_TESTGUEST_AARCH64_CPU_H_

// Instructions, and interrupts as counters.

#include <cstdint>

#include "guest/testguest/machine.h"

namespace bulkhead::testguest {

// What the entry found (start.S).
struct EntryState {
  uint64_t current_el, daif, sctlr;
};
extern "C" const EntryState entry_state;

inline uint64_t ReadCounter() {
  uint64_t ticks;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
  return ticks;
}
inline uint64_t CounterHz() {
  uint64_t hz;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(hz));
  return hz;
}

// Device registers by one instruction without writeback, which is what a syndrome can describe.
template <typename T>
T ReadMmio(uint64_t address) {
  uint64_t value;
  if constexpr (sizeof(T) == 1) {
    asm volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  } else if constexpr (sizeof(T) == 2) {
    asm volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  } else if constexpr (sizeof(T) == 4) {
    asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  } else {
    asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(address) : "memory");
  }
  return static_cast<T>(value);
}
template <typename T>
void WriteMmio(uint64_t address, T value) {
  const uint64_t wide = value;
  if constexpr (sizeof(T) == 1) {
    asm volatile("strb %w0, [%1]" : : "r"(wide), "r"(address) : "memory");
  } else if constexpr (sizeof(T) == 2) {
    asm volatile("strh %w0, [%1]" : : "r"(wide), "r"(address) : "memory");
  } else if constexpr (sizeof(T) == 4) {
    asm volatile("str %w0, [%1]" : : "r"(wide), "r"(address) : "memory");
  } else {
    asm volatile("str %0, [%1]" : : "r"(wide), "r"(address) : "memory");
  }
}

// A firmware call (Arm DEN 0028), by HVC or by SMC; zeros where SMC is undefined.
struct FirmwareResult {
  uint64_t x0, x1, x2, x3;
};
FirmwareResult CallFirmware(uint64_t function, uint64_t x1 = 0, uint64_t x2 = 0, uint64_t x3 = 0);
FirmwareResult CallSecureFirmware(uint64_t function, uint64_t x1 = 0);

// Between these an undefined-instruction exception is noted, and execution goes on behind the
// instruction. Returns whether there was one.
void ExpectUndefined();
bool WasUndefined();

// A part of CheckIdentity.
void CheckReach();

// A system register by the assembler's name; false: reading it is undefined.
#define READ_REGISTER(name, value)                          \
  ([](uint64_t* to) {                                       \
    ::bulkhead::testguest::ExpectUndefined();               \
    asm volatile("mrs %0, " name : "=r"(*to) : : "memory"); \
    return !::bulkhead::testguest::WasUndefined();          \
  }(value))
#define WRITE_REGISTER(name, value)                                 \
  ([](uint64_t from) {                                              \
    ::bulkhead::testguest::ExpectUndefined();                       \
    asm volatile("msr " name ", %0; isb" : : "r"(from) : "memory"); \
    return !::bulkhead::testguest::WasUndefined();                  \
  }(value))

// Sets up this processor's CPU interface and redistributor: everything in group 1 and enabled.
void EnableInterruptController();
// How often an INTID below 64 came.
uint64_t InterruptCount(uint32_t intid);
// Takes what is pending.
inline void OpenInterrupts() {
  asm volatile("msr daifclr, #2; isb; nop; msr daifset, #2" : : : "memory");
}

// Arms the virtual timer, in ticks from now. Its handler disarms it.
void ArmTimer(uint64_t ticks);

// What takes longer than this does not come any more: ticks of the counter, a minute or so. Other
// pods and a busy machine make everything slow.
inline uint64_t Patience() { return 60 * CounterHz(); }

// WFI until `intid` has come more than `before` times. False after Patience, if something else woke
// it then.
bool WaitUntil(uint32_t intid, uint64_t before);

}  // namespace bulkhead::testguest

#endif  // BULKHEAD_GUEST_TESTGUEST_AARCH64_CPU_H_
