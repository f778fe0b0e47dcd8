// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_CALLS_H_
#define BULKHEAD_HYPERVISOR_CALLS_H_

// What the calls of user mode do (abi/calls.toml declares them).

#include <cstdint>

#include "arch/context.h"
#include "base/status.h"
#include "hypervisor/channel.h"
#include "hypervisor/node.h"

namespace bulkhead {

// What a call gives back; or that the caller waits and its answer comes later.
struct CallResult {
  CallResult(Status status) : status(status) {}                    // NOLINT
  CallResult(uint64_t word) : status(Status::kOk), words{word} {}  // NOLINT
  CallResult(uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
      : status(Status::kOk), words{w0, w1, w2, w3} {}
  CallResult(Result<uint64_t> result) : status(result.status()), words{*result} {}  // NOLINT
  static CallResult Pending() {
    CallResult result(Status::kOk);
    result.pending = true;
    return result;
  }

  Status status;
  bool pending = false;
  uint64_t words[4] = {};
};

// Decodes a call, checks its arguments and carries it out.
CallResult DispatchCall(Node& node, Thread& caller, const arch::UserContext& context);

// The calls themselves, after the checks that calls.toml declares.
class Calls {
 public:
  explicit Calls(Node& node) : node_(node) {}

  CallResult Dispatch(Thread& caller, uint64_t number, const uint64_t* arguments);

 private:
  // calls_process.cc
  CallResult ProcessCreate(Thread& caller, uint64_t quota);
  CallResult ProcessMap(Thread& caller, Process& process, uint64_t address, Memory& memory,
                        uint64_t offset, uint64_t length, uint64_t rights);
  CallResult ProcessControl(Thread& caller, Process& process, uint64_t operation,
                            uint64_t argument0, uint64_t argument1);
  CallResult SetShare(Thread& caller, Process& process, uint64_t share, uint64_t index);
  CallResult ProcessExit(Thread& caller, uint64_t code);
  CallResult HandleGrant(Thread& caller, Process& process, uint64_t source, uint64_t rights,
                         uint64_t badge);
  CallResult HandleClose(Thread& caller, uint64_t handle);
  CallResult ThreadCreate(Thread& caller, Process& process, uint64_t entry, uint64_t stack,
                          uint64_t argument, uint64_t priority, uint64_t cpu);
  // calls_memory.cc
  CallResult MemoryCreate(Thread& caller, uint64_t size);
  CallResult MemoryPhysical(Thread& caller, uint64_t physical, uint64_t size, uint64_t caching);
  // calls_vm.cc
  CallResult VmCreate(Thread& caller);
  CallResult VmMap(Thread& caller, VirtualMachine& vm, uint64_t address, Memory& memory,
                   uint64_t offset, uint64_t length, uint64_t rights);
  CallResult VcpuCreate(Thread& caller, VirtualMachine& vm, uint64_t id, Memory& state);
  CallResult VcpuRun(Thread& caller, Vcpu& vcpu);
  CallResult VcpuInterrupt(Thread& caller, Vcpu& vcpu, uint64_t vector);
  // calls_ipc.cc
  CallResult EventCreate(Thread& caller);
  CallResult EventSignal(Thread& caller, Event& event, uint64_t bits);
  CallResult EventWait(Thread& caller, Event& event, uint64_t deadline);
  CallResult EventInterrupt(Thread& caller, Event& event, uint64_t bits, uint64_t device);
  CallResult ChannelCreate(Thread& caller);
  CallResult ChannelCall(Thread& caller, Channel& channel, uint64_t word0, uint64_t word1,
                         uint64_t word2);
  CallResult ChannelReceive(Thread& caller, Channel& channel, uint64_t reply0, uint64_t reply1,
                            uint64_t reply2);
  // calls_system.cc
  CallResult SystemControl(Thread& caller, uint64_t operation, uint64_t argument0,
                           uint64_t argument1, uint64_t argument2);

  // Whether the capability through which a map call named its Memory (its third argument) allows
  // such a mapping. Whatever is mapped can be read.
  static bool MayMap(const Thread& caller, const Memory& memory, uint64_t rights);
  // Puts a new object, whose only reference the caller holds, into its table.
  CallResult Install(Thread& caller, Object& object, uint32_t rights = abi::kAllRights);
  bool IsSystem(const Thread& caller) const;

  Node& node_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_CALLS_H_
