// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_PLATFORM_H_
#define BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_PLATFORM_H_

// What an x86_64 guest has besides memory and devices (docs/guest-platform.md), and what its exits
// mean.

#include <cstdint>
#include <string_view>

#include "hypervisor/abi/x86_64/vcpu_state.h"
#include "vmm/x86_64/cpuid.h"
#include "vmm/x86_64/msr.h"
#include "vmm/x86_64/pvclock.h"
#include "vmm/x86_64/string_io.h"

namespace bulkhead {

class Machine;

class Platform {
 public:
  // Where the guest finds each processor's abi::StolenTime, a page apart; 0: nowhere.
  static constexpr uint64_t kStolenTime = 0;

  explicit Platform(Machine& machine);  // outlives this object; may still be under construction
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
  [[noreturn]] void EndOnIndirectMmio(const abi::VcpuState& state);
  void HandleIo(abi::VcpuState& state);
  void HandleMmio(abi::VcpuState& state);
  void HandleCpuid(abi::VcpuState& state);
  void HandleMsr(abi::VcpuState& state, bool write);
  void HandleStringIo(abi::VcpuState& state, const StringIo& io);
  uint32_t ReadPort(uint64_t port, uint32_t width) const;
  void WritePort(uint64_t port, uint32_t value);

  Machine& machine_;
  Pvclock clock_;
  GuestMsrs msrs_;
  CpuidGuest cpuid_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_INCLUDE_PLATFORM_PLATFORM_H_
