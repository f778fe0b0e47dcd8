// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/reaper.h"

#include "hypervisor/channel.h"
#include "hypervisor/node.h"

namespace bulkhead {

void Reaper::Push(Object*& list, Object& object) {
  object.next_dead_ = list;
  list = &object;
}

void Reaper::AddEnded(Process& process) {
  Retain(process);
  process.next_dead_ = ended_;
  ended_ = &process;
}

void Reaper::Step(Node& node) {
  if (Object* object = dead_; object != nullptr) {
    // Out of the list first: taking it apart can put others in front of it.
    dead_ = object->next_dead_;
    if (TakeApart(node, *object)) {
      Push(dead_, *object);
    } else {
      Free(node, *object);
    }
  } else if (Process* process = ended_; process != nullptr) {
    if (Empty(node, *process)) return;
    ended_ = static_cast<Process*>(process->next_dead_);
    process->next_dead_ = nullptr;
    Release(node, *process);
  }
}

// Takes a channel out of its owner's list, if it is in.
void Reaper::Disown(Channel& channel) {
  Process& owner = *channel.owner();
  if (channel.previous_owned != nullptr) {
    channel.previous_owned->next_owned = channel.next_owned;
  } else if (owner.channels == &channel) {
    owner.channels = channel.next_owned;
  }
  if (channel.next_owned != nullptr) channel.next_owned->previous_owned = channel.previous_owned;
  channel.previous_owned = nullptr;
  channel.next_owned = nullptr;
}

// What an ended process held: those who wait for its answers, capabilities and threads, then its
// memory map.
bool Reaper::Empty(Node& node, Process& process) {
  if (Channel* channel = process.channels; channel != nullptr) {
    for (ThreadQueue* queue : {&channel->answering, &channel->callers}) {
      if (Thread* caller = queue->front(); caller != nullptr) {
        caller->context.SetStatus(Status::kEnded);
        Wake(node, *caller);
        return true;
      }
    }
    Disown(*channel);
    return true;
  }
  if (Capability* capability = process.capabilities.Any(); capability != nullptr) {
    Object& object = *capability->object;
    process.capabilities.Clear(*capability, process.arena);
    Release(node, object);
    return true;
  }
  if (Thread* thread = process.threads; thread != nullptr) {
    process.threads = thread->next_in_process;
    Release(node, *thread);
    return true;
  }
  return process.space.FreeOne(process.arena, [&](Memory& memory) { Release(node, memory); });
}

bool Reaper::TakeApart(Node& node, Object& object) {
  Process& owner = *object.owner();
  switch (object.kind()) {
    case ObjectKind::kMemory: {
      auto& memory = static_cast<Memory&>(object);
      if (memory.FreeOne(node.pages)) return true;
      if (!memory.fixed()) owner.quota.Refund(memory.size() >> kPageShift);
      return false;
    }
    case ObjectKind::kVirtualMachine: {
      auto& vm = static_cast<VirtualMachine&>(object);
      if (vm.space.FreeOne(owner.arena, [&](Memory& memory) { Release(node, memory); }))
        return true;
      vm.tag.Release();
      return false;
    }
    case ObjectKind::kVcpu: {
      auto& vcpu = static_cast<Vcpu&>(object);
      UnloadVcpu(vcpu);
      vcpu.vm.vcpus[vcpu.arch.id()] = nullptr;
      for (const HostPhysical page : vcpu.pages) owner.arena.FreePage(page);
      Release(node, vcpu.state_memory);
      Release(node, vcpu.vm);
      return false;
    }
    case ObjectKind::kProcess: {
      auto& process = static_cast<Process&>(object);
      if (BudgetGroup* group = process.groups; group != nullptr) {
        process.groups = group->next_of_process;
        owner.arena.Free(group);
        return true;
      }
      owner.quota.Refund(process.quota.limit());
      return false;
    }
    case ObjectKind::kChannel:
      Disown(static_cast<Channel&>(object));
      return false;
    case ObjectKind::kThread:
    case ObjectKind::kEvent:
      return false;
  }
  return false;
}

void Reaper::Free(Node& node, Object& object) {
  Process& owner = *object.owner();
  owner.arena.Free(&object);
  Release(node, owner);
}

}  // namespace bulkhead
