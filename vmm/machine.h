// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_MACHINE_H_
#define BULKHEAD_VMM_MACHINE_H_

// The virtual machine of one pod.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hypervisor/abi/x86_64/vcpu_state.h"
#include "runtime/mutex.h"
#include "virtio/guest_memory.h"
#include "vmm/devices.h"
#include "vmm/outbox.h"
#include "vmm/startup.h"
#include "vmm/x86_64/cpuid.h"
#include "vmm/x86_64/msr.h"
#include "vmm/x86_64/pvclock.h"

namespace bulkhead {

// The CPUID instruction itself.
CpuidRegisters ProcessorCpuid(uint32_t leaf, uint32_t subleaf);

class Machine {
 public:
  static constexpr uint32_t kVcpus = 1;

  explicit Machine(const VmmStartup& startup);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Makes the guest and starts its virtual processor on a thread of its own; then serves devices.
  [[noreturn]] void Run();
  // Ends the pod.
  [[noreturn]] void End(PodEnd end, std::string_view text);

 private:
  void CreateMemory();
  void CreateVcpu();
  void LoadGuest();
  void StartVcpuThread();
  [[noreturn]] void ServeDevices();
  static void VcpuThread(uint64_t machine);
  [[noreturn]] void RunVcpu();

  // One exit each (exits.cc).
  void HandleExit();
  [[noreturn]] void EndOnExit();
  void HandleIo();
  void HandleMmio();
  void HandleCpuid();
  void HandleMsr(bool write);
  void HandleStringIo(uint64_t port, uint32_t width, bool in, bool repeat);
  uint32_t ReadPort(uint64_t port, uint32_t width) const;
  void WritePort(uint64_t port, uint32_t width, uint32_t value);
  void InjectGeneralProtection();
  void InjectPageFault(uint64_t linear, uint32_t error_code);
  void SkipInstruction() { state_->rip += state_->instruction_length; }
  [[noreturn]] void EndWithFault(std::string_view text);

  const uint64_t started_;  // counter
  const VmmStartup& startup_;
  Outbox outbox_;
  ByteRingReader input_;
  Mutex mutex_;  // devices_, outbox_, input_
  GuestMemory memory_;
  std::optional<Devices> devices_;
  Pvclock clock_;
  GuestMsrs msrs_;
  CpuidGuest cpuid_;
  uint64_t vm_ = 0;                          // handle
  std::array<uint64_t, kVcpus> vcpus_ = {};  // handles
  abi::VcpuState* state_ = nullptr;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_MACHINE_H_
