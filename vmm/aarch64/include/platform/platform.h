// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_PLATFORM_H_
#define BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_PLATFORM_H_

// What an aarch64 guest has besides memory and devices (docs/guest-platform-aarch64.md), and what
// its exits mean.

#include <cstdint>
#include <optional>

#include "hypervisor/abi/aarch64/vcpu_state.h"
#include "vmm/aarch64/layout.h"
#include "vmm/aarch64/mmio_access.h"
#include "vmm/aarch64/smccc.h"

namespace bulkhead {

class Machine;

class Platform {
 public:
  // Where the guest finds each processor's abi::StolenTime, a page apart; 0: nowhere.
  static constexpr uint64_t kStolenTime = layout::kStolenTimeBase;

  explicit Platform(Machine& machine)  // outlives this object; may still be under construction
      : machine_(machine) {}
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // Puts the kernel and what describes the platform to it into guest memory, and into `state` the
  // registers at its entry. Ends the pod if that is not possible.
  void Load(abi::VcpuState& state);
  // The guest's time begins at `now`, machine's counter.
  void StartClock(abi::VcpuState& state, uint64_t now);
  // Answers one exit, or ends the pod.
  void HandleExit(abi::VcpuState& state);

 private:
  [[noreturn]] void EndOnExit(const abi::VcpuState& state);
  [[noreturn]] void EndOnAccess(const abi::VcpuState& state, const char* why);
  void HandleMmio(abi::VcpuState& state);
  void HandleHypercall(abi::VcpuState& state);
  void HandleSystemRegister(abi::VcpuState& state);
  bool AccessDebugUart(const MmioAccess& access, uint64_t address, uint64_t* value);
  bool AccessClock(const MmioAccess& access, uint64_t address, uint64_t* value);

  Machine& machine_;
  std::optional<Smccc> smccc_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_AARCH64_INCLUDE_PLATFORM_PLATFORM_H_
