// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_LOCAL_APIC_H_
#define BULKHEAD_ARCH_X86_64_LOCAL_APIC_H_

// The processor's own interrupt controller (AMD APM 2, 16), as registers in memory or, when the
// firmware left it in that mode, as x2APIC MSRs.

#include <cstdint>

namespace bulkhead::arch {

uint64_t LocalApicPhysical();

// Finds how many counter ticks a second has, and how many timer ticks.
void InitializeLocalApic();
uint64_t CounterHz();
uint32_t LocalApicId();
void AcknowledgeInterrupt();

// One-shot: interrupts with kTimerVector at or soon after the counter reaches `deadline`.
[[gnu::noinline]] void ProgramTimer(uint64_t deadline);

// To the local APIC of another CPU. Command: delivery mode and vector, as the lower half of the
// interrupt command register has them (AMD APM 2, 16.5).
// Only to one that CanReach.
bool CanReach(uint64_t apic_id);
void SendInterprocessor(uint64_t apic_id, uint32_t command);
inline constexpr uint32_t kInit = 5 << 8 | 1 << 14;
inline constexpr uint32_t kStartUp = 6 << 8 | 1 << 14;  // with the page's number as the vector
// Waits. After InitializeLocalApic.
void Delay(uint64_t microseconds);

inline constexpr unsigned kFirstDeviceVector = 0x20;
inline constexpr unsigned kTimerVector = 0xf0;
inline constexpr unsigned kKickVector = 0xf1;  // from another CPU
inline constexpr unsigned kSpuriousVector = 0xff;

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_LOCAL_APIC_H_
