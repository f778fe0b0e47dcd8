// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_AARCH64_GIC_H_
#define BULKHEAD_ARCH_AARCH64_GIC_H_

// The machine's GICv3 (Arm IHI 0069): distributor, this CPU's redistributor and interface.

#include <cstdint>

#include "arch/cpu.h"
#include "base/address.h"
#include "base/status.h"
#include "boot/boot_info.h"

namespace bulkhead::arch {

inline constexpr uint32_t kFirstSpecialInterrupt = 1020;  // up to 1023: there is none
inline constexpr uint32_t kFirstMessageInterrupt = 8192;

// Where the registers are mapped, in kDeviceMap; what does not exist is 0.
struct GicMapping {
  uint64_t distributor = 0;
  uint64_t redistributors[kMaxRedistributorRegions] = {};
  uint64_t its = 0;
};
inline constexpr uint64_t kGicDistributorBytes = 64 * 1024;
inline constexpr uint64_t kGicItsBytes = 128 * 1024;

// Remembers what the loader found. Before InitializeGic.
void SetGic(const GicInfo& info, const GicMapping& mapping);
const GicInfo& Gic();

// Turns the distributor (on the first CPU), this CPU's redistributor and its interface on: nothing
// is enabled but the timer of the hypervisor, kicks, the guests' virtual timer and the maintenance
// interrupt.
void InitializeGic(Cpu& cpu);

// The software-generated interrupt by which CPUs call each other, and how to send it; `affinities`
// are Cpu::hardware_id.
inline constexpr uint32_t kKickInterrupt = 1;
void SendKick(uint64_t affinities);
// Of MPIDR_EL1 (Arm ARM D17.2.101): Aff3, Aff2, Aff1 and Aff0.
inline constexpr uint64_t kMpidrAffinities = 0xff'00ff'ffff;

// Whether the CPU is to hold the guests' timer interrupt active, which keeps it from coming again.
void SetTimerActive(bool active);

// The message interrupts (LPIs) of this CPU, by the tables in `pages`: kGicPages of them, zeroed,
// 64 KiB aligned. Without an ITS nothing happens.
inline constexpr uint64_t kGicPages = 48;
void InitializeMessages(HostPhysical pages);

// Maps the next event of a device to LPI kFirstMessageInterrupt + `index`: what it has to write,
// and where. kNotSupported: no ITS, or not for such an id; kNoMemory: too many.
struct GicMessage {
  uint64_t address;  // physical
  uint32_t data;
};
Result<GicMessage> MapMessage(uint64_t device, uint32_t index);
inline constexpr uint32_t kMaxMessages = 256;

// Handles an interrupt of the host's that ICC_IAR1_EL1 gave, and ends it; false: there was none
// after all. In cpu.cc.
bool HandleAcknowledged(uint64_t intid);

// Between gic.cc and its.cc.
void SetIts(uint64_t mapped, uint64_t physical);
uint64_t Redistributor();          // the first CPU's, mapped
uint64_t RedistributorPhysical();  // its address on the bus

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_AARCH64_GIC_H_
