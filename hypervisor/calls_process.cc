// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "base/align.h"
#include "hypervisor/calls.h"

namespace bulkhead {

CallResult Calls::ProcessCreate(Thread& caller, uint64_t quota) {
  // Processes outlive their maker: others could hide memory and threads from their own end.
  if (!IsSystem(caller)) return Status::kDenied;
  const Result<Process*> made = CreateProcess(node_, caller.process, quota >> kPageShift);
  if (!made.ok()) return made.status();
  Process& process = **made;
  // Its own handle kSelf. A table that cannot be made leaves no half-made process behind.
  Retain(process);
  const Result<uint64_t> self =
      process.capabilities.Insert({.object = &process, .rights = abi::kControl}, process.arena);
  if (!self.ok()) {
    Release(node_, process);
    EndProcess(node_, process, abi::ProcessEnd::kKilled, 0, 0);
    Release(node_, process);
    return self.status();
  }
  const CallResult result = Install(caller, process);
  if (result.status != Status::kOk) EndProcess(node_, process, abi::ProcessEnd::kKilled, 0, 0);
  return result;
}

CallResult Calls::ProcessMap(Thread& caller, Process& process, uint64_t address, Memory& memory,
                             uint64_t offset, uint64_t length, uint64_t rights) {
  if (process.end != abi::ProcessEnd::kRunning) return Status::kEnded;
  if (!RangeWithin(address, length, abi::kUserTop)) return Status::kInvalidArgument;
  if (rights == 0) {
    const Result<uint64_t> left = process.space.Unmap(address, length, process.arena,
                                                      [&](Memory& gone) { Release(node_, gone); });
    FlushAddressSpace(node_, process);
    return left;
  }
  const bool write = (rights & abi::kWrite) != 0;
  const bool execute = (rights & abi::kExecute) != 0;
  if (write && execute) return Status::kInvalidArgument;
  // Code goes through the direct map to the instruction cache; this is not in it.
  if (execute && memory.fixed()) return Status::kInvalidArgument;
  if (!RangeWithin(offset, length, memory.size())) return Status::kInvalidArgument;
  if (!MayMap(caller, memory, rights)) return Status::kDenied;
  const Result<uint64_t> done = process.space.Map(
      address, memory, offset, length, {.write = write, .execute = execute, .user = true},
      process.arena, node_.pages);
  // A failure frees empty tables again; the processor may have walked into them by speculation.
  if (!done.ok()) FlushAddressSpace(node_, process);
  return done;
}

namespace {

uint64_t TimeUsed(const Process& process) {
  uint64_t ticks = 0;
  for (const BudgetGroup* group = process.groups; group != nullptr;
       group = group->next_of_process) {
    ticks += group->used();
  }
  return ticks;
}

}  // namespace

CallResult Calls::SetShare(Thread& caller, Process& process, uint64_t share, uint64_t index) {
  // A process holds a capability for itself, but its share is its maker's to say.
  if (!IsSystem(caller) || process.owner() == nullptr) return Status::kDenied;
  const auto weight = static_cast<uint32_t>(share);
  const auto ceiling = static_cast<uint32_t>(share >> 32);
  if (weight == 0 || weight > abi::kWholeCpu || ceiling > abi::kWholeCpu ||
      index >= node_.cpu_count) {
    return Status::kInvalidArgument;
  }
  const Status status = bulkhead::SetShare(process, *node_.cpus[index], weight, ceiling);
  if (status != Status::kOk) return status;
  return uint64_t{0};
}

CallResult Calls::ProcessControl(Thread& caller, Process& process, uint64_t operation,
                                 uint64_t argument0, uint64_t argument1) {
  switch (static_cast<abi::ProcessOperation>(operation)) {
    case abi::ProcessOperation::kWatch: {
      const Capability* capability = caller.process.capabilities.Find(argument0);
      if (capability == nullptr || capability->object->kind() != ObjectKind::kEvent) {
        return Status::kBadHandle;
      }
      if ((capability->rights & abi::kSignal) == 0) return Status::kDenied;
      if (process.watcher != nullptr) return Status::kExists;
      auto& event = static_cast<Event&>(*capability->object);
      if (process.end != abi::ProcessEnd::kRunning) {
        Signal(node_, event, argument1);
        return uint64_t{0};
      }
      Retain(event);
      process.watcher = &event;
      process.watcher_bits = argument1;
      return uint64_t{0};
    }
    case abi::ProcessOperation::kKill:
      EndProcess(node_, process, abi::ProcessEnd::kKilled, argument0, 0);
      return uint64_t{0};
    case abi::ProcessOperation::kStatus:
      return CallResult(static_cast<uint64_t>(process.end), process.end_code, process.end_address,
                        process.id);
    case abi::ProcessOperation::kUsage:
      return CallResult(process.quota.limit() << kPageShift, process.quota.used() << kPageShift,
                        process.quota.peak() << kPageShift, TimeUsed(process));
    case abi::ProcessOperation::kSetShare:
      return SetShare(caller, process, argument0, argument1);
  }
  return Status::kInvalidArgument;
}

CallResult Calls::ProcessExit(Thread& caller, uint64_t code) {
  EndProcess(node_, caller.process, abi::ProcessEnd::kExited, code, 0);
  return CallResult::Pending();
}

CallResult Calls::HandleGrant(Thread& caller, Process& process, uint64_t source, uint64_t rights,
                              uint64_t badge) {
  if (process.end != abi::ProcessEnd::kRunning) return Status::kEnded;
  const Capability* capability = caller.process.capabilities.Find(source);
  if (capability == nullptr) return Status::kBadHandle;
  if ((capability->rights & abi::kGrant) == 0 || (rights & ~uint64_t{capability->rights}) != 0) {
    return Status::kDenied;
  }
  // A badge says who calls: whoever holds a badged capability cannot make itself another.
  if (capability->badge != 0 && badge != capability->badge) return Status::kDenied;
  Object& object = *capability->object;
  Retain(object);
  const Result<uint64_t> handle = process.capabilities.Insert(
      {.object = &object, .rights = static_cast<uint32_t>(rights), .badge = badge}, process.arena);
  if (!handle.ok()) Release(node_, object);
  return handle;
}

CallResult Calls::HandleClose(Thread& caller, uint64_t handle) {
  Capability* capability = caller.process.capabilities.Find(handle);
  // A process keeps the capability for itself.
  if (capability == nullptr || handle == abi::kSelf) return Status::kBadHandle;
  Object& object = *capability->object;
  caller.process.capabilities.Clear(*capability, caller.process.arena);
  Release(node_, object);
  return uint64_t{0};
}

CallResult Calls::ThreadCreate(Thread& caller, Process& process, uint64_t entry, uint64_t stack,
                               uint64_t argument, uint64_t priority, uint64_t cpu) {
  if (priority >= abi::kPriorities || entry >= abi::kUserTop || stack > abi::kUserTop ||
      cpu >= node_.cpu_count) {
    return Status::kInvalidArgument;
  }
  if (priority > caller.priority) return Status::kDenied;
  const Result<Thread*> made = CreateThread(node_, caller.process, process, *node_.cpus[cpu],
                                            static_cast<uint32_t>(priority));
  if (!made.ok()) return made.status();
  Thread& thread = **made;
  const CallResult result = Install(caller, thread);
  if (result.status != Status::kOk) {
    // Nobody can start it: it does not stay with the process, where it would count.
    process.threads = thread.next_in_process;
    --process.thread_count;
    Release(node_, thread);
    return result;
  }
  thread.context.Start(entry, stack, argument);
  MakeReady(thread);
  return result;
}

}  // namespace bulkhead
