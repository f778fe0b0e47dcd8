// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_MACHINE_H_
#define BULKHEAD_VMM_MACHINE_H_

// The virtual machine of one pod: memory, virtual processors and devices, the same on every
// architecture. What differs is behind headers that each architecture has one of, in
// vmm/<architecture>/include/platform:
//   layout.h                where everything lies in the guest's physical address space
//   platform.h              loading a kernel, what exits mean
//   interrupt_controller.h  how the lines of devices reach the guest's processors
//   entropy.h               where randomness for the guest comes from

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "hypervisor/abi/calls.h"
#include "platform/platform.h"
#include "runtime/mutex.h"
#include "virtio/guest_memory.h"
#include "vmm/debug_output.h"
#include "vmm/devices.h"
#include "vmm/outbox.h"
#include "vmm/startup.h"
#include "vmm/vcpu.h"

namespace bulkhead {

// Ends the VMM unless `status` is kOk: "cannot make `what`".
void Must(Status status, const char* what);

inline std::span<std::byte> Bytes(VmmRange range) {
  return {reinterpret_cast<std::byte*>(range.address), range.length};
}

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
  [[noreturn]] void EndWithFault(std::string_view text) { End(PodEnd::kGuestFault, text); }

  // For the platform.
  const VmmStartup& startup() const { return startup_; }
  const GuestMemory& memory() const { return memory_; }
  uint32_t device_count() const { return devices_->count(); }
  PlatformEntropy& entropy() { return devices_->entropy(); }
  // Has `access(Devices&)` done for the guest, with whatever follows from it.
  template <typename Access>
  void AccessDevices(Access access);
  // A byte from the debug UART; whether it has room for one.
  void DebugByte(std::byte byte);
  bool DebugReady();

 private:
  void CreateMemory();
  void CreateVcpu();
  void LoadGuest();
  void StartVcpuThread();
  [[noreturn]] void ServeDevices();
  static void VcpuThread(uint64_t machine);
  [[noreturn]] void RunVcpu();
  void EndIfDeviceBroke();
  auto ToConsole() {
    return [this](std::span<const std::byte> bytes) {
      return outbox_.Write(PodRecordType::kConsole, bytes);
    };
  }

  const uint64_t started_;  // counter
  const VmmStartup& startup_;
  Outbox outbox_;
  ByteRingReader input_;
  DebugOutput debug_output_;
  Mutex mutex_;  // devices_, outbox_, input_, debug_output_
  GuestMemory memory_;
  std::optional<Devices> devices_;
  Platform platform_;
  uint64_t vm_ = 0;  // handle
  std::array<Vcpu, kVcpus> vcpus_;
};

template <typename Access>
void Machine::AccessDevices(Access access) {
  bool more = false;
  {
    const MutexLock lock(mutex_);
    access(*devices_);
    if (devices_->TakeWritten()) {
      EndIfDeviceBroke();
      more = devices_->wants_turn();
    }
  }
  if (more) (void)call::EventSignal(startup_.own_event, kVmmDevicesBit);
}

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_MACHINE_H_
