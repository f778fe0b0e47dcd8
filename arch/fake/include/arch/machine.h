// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_MACHINE_H_
#define BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_MACHINE_H_

// The invented machine: what a test sets and looks at. Only for tests.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/address.h"
#include "base/align.h"

namespace bulkhead::abi {
struct VcpuState;
}

namespace bulkhead::arch {

struct Cpu;
class Vcpu;
enum class RunOutcome;
struct UserContext;

namespace fake {

// What ends a turn of the main loop.
struct BackToUser {
  UserContext* context;
};
struct Idle {};

// The program of a guest: what it does when it runs next.
using Guest = std::function<RunOutcome(Vcpu&, abi::VcpuState&)>;

class Machine {
 public:
  // RAM begins here: not at zero, and not so that physical and virtual addresses could be confused.
  static constexpr uint64_t kRamStart = 0x1'4000'0000;

  // Switches a machine with `ram` bytes on; it is TheMachine() until it is destroyed.
  explicit Machine(uint64_t ram);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  bool IsRam(const void* memory, size_t size) const;

  Cpu* cpu = nullptr;  // that runs the hypervisor's code now
  uint64_t kicks = 0;
  std::function<void()> handle_kick;  // what Kick calls, as the CPU that was kicked
  uint64_t now = 1000;
  uint64_t timer = ~uint64_t{0};  // last SetTimer
  HostPhysical active_root = {};  // last ActivateAddressSpace
  uint64_t address_space_switches = 0;
  uint64_t interrupt_windows = 0;  // calls of TakeInterrupts
  std::string log;
  unsigned next_vector = 1;
  uint64_t port_value = 0;  // of the last write
  bool virtualization = true;
  Guest guest;

 private:
  std::byte* ram_;
  uint64_t size_;
};

Machine& TheMachine();

}  // namespace fake
}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_FAKE_INCLUDE_ARCH_MACHINE_H_
