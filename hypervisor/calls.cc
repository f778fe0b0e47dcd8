// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Decoding of calls. The argument checks are made from abi/calls.toml.

#include "hypervisor/calls.h"

#include "base/align.h"
#include "hypervisor/abi/call_numbers.h"

namespace bulkhead {
namespace {

using abi::Call;

// A capability's object with its type; a reference cannot be null, so it carries its own status.
template <typename T>
class Found {
 public:
  Found(Status status) : status_(status) {}  // NOLINT
  Found(T& object) : object_(&object) {}     // NOLINT
  bool ok() const { return object_ != nullptr; }
  Status status() const { return status_; }
  T& operator*() const { return *object_; }

 private:
  T* object_ = nullptr;
  Status status_ = Status::kOk;
};

template <typename T>
Found<T> Find(Thread& caller, uint64_t handle, uint32_t rights) {
  const Capability* capability = caller.process.capabilities.Find(handle);
  if (capability == nullptr || capability->object->kind() != T::kKind) return Status::kBadHandle;
  if ((capability->rights & rights) != rights) return Status::kDenied;
  return static_cast<T&>(*capability->object);
}

bool ValidSize(uint64_t bytes) {
  return bytes != 0 && IsAligned(bytes, kPageSize) && bytes <= abi::kUserTop;
}
bool ValidOffset(uint64_t bytes) { return IsAligned(bytes, kPageSize); }
bool ValidAddress(uint64_t address) {
  return IsAligned(address, kPageSize) && address < abi::kUserTop;
}
bool ValidRights(uint64_t rights) {
  return (rights & ~uint64_t{abi::kRead | abi::kWrite | abi::kExecute}) == 0;
}

}  // namespace

CallResult Calls::Dispatch(Thread& caller, uint64_t number, const uint64_t* arguments) {
  switch (static_cast<Call>(number)) {
#include "hypervisor/abi/dispatch.inc"
  }
  return Status::kNotSupported;
}

CallResult DispatchCall(Node& node, Thread& caller, const arch::UserContext& context) {
  uint64_t arguments[6];
  for (int i = 0; i < 6; ++i) arguments[i] = context.Argument(i);
  const uint64_t number = context.CallNumber();
  ThisCpu().trace.Add(arch::Now(), TraceKind::kCall, static_cast<uint32_t>(number), arguments[0]);
  return Calls(node).Dispatch(caller, number, arguments);
}

bool Calls::MayMap(const Thread& caller, const Memory& memory, uint64_t rights) {
  const Capability* capability = caller.process.capabilities.Find(caller.context.Argument(2));
  return capability != nullptr && capability->object == &memory &&
         ((rights | abi::kRead) & ~uint64_t{capability->rights}) == 0;
}

CallResult Calls::Install(Thread& caller, Object& object, uint32_t rights) {
  const Result<uint64_t> handle = caller.process.capabilities.Insert(
      {.object = &object, .rights = rights}, caller.process.arena);
  if (!handle.ok()) Release(node_, object);
  return handle;
}

bool Calls::IsSystem(const Thread& caller) const {
  const Capability* self = caller.process.capabilities.Find(abi::kSelf);
  return self != nullptr && self->object == &caller.process && (self->rights & abi::kSystem) != 0;
}

}  // namespace bulkhead
