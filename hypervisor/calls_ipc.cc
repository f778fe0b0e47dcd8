// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/calls.h"

namespace bulkhead {

CallResult Calls::EventCreate(Thread& caller) {
  const Result<Event*> made = Create<Event>(caller.process);
  if (!made.ok()) return made.status();
  return Install(caller, **made);
}

CallResult Calls::EventSignal(Thread&, Event& event, uint64_t bits) {
  Signal(node_, event, bits);
  return uint64_t{0};
}

CallResult Calls::EventWait(Thread& caller, Event& event, uint64_t deadline) {
  if (event.bits != 0) {
    const uint64_t bits = event.bits;
    event.bits = 0;
    return bits;
  }
  if (deadline == 0 || deadline <= arch::Now()) return Status::kTimedOut;
  Block(caller, &event.waiters, &event, deadline);
  return CallResult::Pending();
}

CallResult Calls::EventInterrupt(Thread& caller, Event& event, uint64_t bits, uint64_t device) {
  if (!IsSystem(caller)) return Status::kDenied;
  const Result<arch::Message> message = arch::AllocateMessage(node_.boot_cpu, device);
  if (!message.ok()) return message.status();
  Retain(event);
  node_.interrupts[message->vector] = {&event, bits};
  return CallResult(message->address, message->data, 0, 0);
}

CallResult Calls::ChannelCreate(Thread& caller) {
  const Result<Channel*> made = Create<Channel>(caller.process);
  if (!made.ok()) return made.status();
  Channel& channel = **made;
  channel.next_owned = caller.process.channels;
  if (channel.next_owned != nullptr) channel.next_owned->previous_owned = &channel;
  caller.process.channels = &channel;
  return Install(caller, channel);
}

namespace {

void Deliver(Thread& receiver, const Thread& sender) {
  receiver.context.SetStatus(Status::kOk);
  receiver.context.SetResults(sender.message[0], sender.message[1], sender.message[2],
                              sender.badge);
}

}  // namespace

CallResult Calls::ChannelCall(Thread& caller, Channel& channel, uint64_t word0, uint64_t word1,
                              uint64_t word2) {
  if (channel.owner()->end != abi::ProcessEnd::kRunning) return Status::kEnded;
  caller.message[0] = word0;
  caller.message[1] = word1;
  caller.message[2] = word2;
  // The handle was valid a moment ago: the same lookup gives the badge.
  const Capability* capability = caller.process.capabilities.Find(caller.context.Argument(0));
  caller.badge = capability != nullptr ? capability->badge : 0;
  Thread* receiver = channel.receivers.front();
  if (receiver != nullptr && channel.answering.empty()) {
    Block(caller, &channel.answering, &channel, abi::kNever);
    Deliver(*receiver, caller);
    Wake(node_, *receiver);
  } else {
    Block(caller, &channel.callers, &channel, abi::kNever);
  }
  return CallResult::Pending();
}

CallResult Calls::ChannelReceive(Thread& caller, Channel& channel, uint64_t reply0, uint64_t reply1,
                                 uint64_t reply2) {
  if (channel.owner() != &caller.process) return Status::kDenied;
  if (Thread* answered = channel.answering.front(); answered != nullptr) {
    answered->context.SetStatus(Status::kOk);
    answered->context.SetResults(reply0, reply1, reply2);
    Wake(node_, *answered);
  }
  if (Thread* next = channel.callers.PopFront(); next != nullptr) {
    channel.answering.PushBack(*next);
    return CallResult(next->message[0], next->message[1], next->message[2], next->badge);
  }
  if (!channel.receivers.empty()) return Status::kBusy;
  Block(caller, &channel.receivers, &channel, abi::kNever);
  return CallResult::Pending();
}

}  // namespace bulkhead
