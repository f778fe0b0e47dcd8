// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_TESTING_FAKE_NODE_H_
#define BULKHEAD_HYPERVISOR_TESTING_FAKE_NODE_H_

// A node on the fake machine, with a root process and a thread of it that makes calls.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <ostream>
#include <vector>

#include "arch/machine.h"
#include "base/status.h"
#include "hypervisor/abi/call_numbers.h"
#include "hypervisor/abi/types.h"
#include "hypervisor/calls.h"
#include "hypervisor/machine.h"
#include "hypervisor/node.h"

namespace bulkhead {

inline std::ostream& operator<<(std::ostream& out, Status status) {
  return out << StatusName(status);
}

namespace testing {

using abi::Call;

// What a thread finds in its registers after a call.
struct Answer {
  bool pending = false;  // it waits
  Status status = Status::kOk;
  std::array<uint64_t, 4> value = {};

  bool ok() const { return !pending && status == Status::kOk; }
};

class FakeNode {
 public:
  static constexpr uint64_t kMiB = uint64_t{1} << 20;

  // `ram` bytes, a multiple of 2 MiB.
  explicit FakeNode(uint64_t ram = 16 * kMiB);
  ~FakeNode();

  Node& node() { return *node_; }
  arch::fake::Machine& machine() { return machine_; }
  Process& root() { return *node_->root; }
  Thread& root_thread() { return *root_thread_; }

  Answer Call(Thread& caller, abi::Call call, std::initializer_list<uint64_t> arguments = {});
  // By the root's thread, which must succeed; its first word.
  uint64_t Do(abi::Call call, std::initializer_list<uint64_t> arguments = {});
  Status StatusOf(abi::Call call, std::initializer_list<uint64_t> arguments = {}) {
    return Call(root_thread(), call, arguments).status;
  }
  // What a thread has in its registers now; pending while it waits.
  static Answer Registers(const Thread& thread);

  // A process that the root task makes, with one thread.
  struct Child {
    uint64_t handle = 0;  // of the root task
    Process* process = nullptr;
    Thread* thread = nullptr;
  };
  Child MakeChild(uint64_t quota_bytes, uint64_t priority = 3);
  // Another thread; the root task keeps no handle to it.
  Thread& MakeThread(uint64_t process_handle, uint64_t priority = 3, uint64_t cpu = 0);
  // Lets a process have threads on a CPU.
  void Share(uint64_t process_handle, uint64_t cpu, uint32_t weight = abi::kDefaultWeight);

  // Another processor of the machine, which runs from now on. The test is in the hypervisor on
  // the boot CPU, until it says otherwise.
  Cpu& AddCpu();
  void On(Cpu& cpu) { machine_.cpu = &cpu; }
  // The main loop on this CPU, until it goes back to user mode (true) or waits for an interrupt.
  bool Turn(Cpu& cpu);
  // One run of the guest of a thread in vcpu_run, on the thread's CPU.
  void RunGuest(Thread& thread);
  // Copies a capability of the root task into the child.
  uint64_t Grant(const Child& child, uint64_t handle, uint32_t rights = abi::kAllRights,
                 uint64_t badge = 0);
  // The object behind a handle of `process`.
  template <typename T>
  T& Get(const Process& process, uint64_t handle) {
    return static_cast<T&>(*process.capabilities.Find(handle)->object);
  }

  void Kill(const Child& child) {
    Do(abi::Call::kProcessControl,
       {child.handle, static_cast<uint64_t>(abi::ProcessOperation::kKill)});
  }
  // Lets the reaper finish.
  void Settle();

  // Memory in use; equal before and after when everything was given back.
  struct Usage {
    uint64_t free_pages;
    uint64_t root_used;
    bool operator==(const Usage&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Usage& usage) {
      return out << usage.free_pages << " pages free, root uses " << usage.root_used;
    }
  };
  Usage GetUsage() { return {node_->pages.free_pages(), root().quota.used()}; }

  // Takes pages from the machine so that only `pages` are free, until they are given back.
  void LeavePages(uint64_t pages);
  // Takes a page out of every superpage: only small ones are left.
  void Fragment();
  void GiveBackPages();

 private:
  arch::fake::Machine machine_;
  std::vector<PageAllocator::Block> blocks_;
  std::vector<MemoryRegion> regions_;
  alignas(Process) std::array<std::byte, sizeof(Process)> root_storage_;
  std::unique_ptr<Node> node_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  Thread* root_thread_ = nullptr;
  std::vector<HostPhysical> taken_;
};

}  // namespace testing
}  // namespace bulkhead

#endif  // BULKHEAD_HYPERVISOR_TESTING_FAKE_NODE_H_
