// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/physical.h"

#include "base/align.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "runtime/runtime.h"

namespace bulkhead {

uint64_t AddressArea::Take(uint64_t length, uint64_t remainder) {
  const uint64_t start = AlignUp(next_, kSuperpageSize) + remainder;
  // A page stays free in between: running over the end of a piece faults.
  next_ = start + AlignUp(length, kPageSize) + kPageSize;
  return start;
}

Result<PhysicalMapping> MapPhysical(AddressArea& area, uint64_t physical, uint64_t length,
                                    bool device, uint64_t rights) {
  const auto caching = device ? abi::Caching::kUncached : abi::Caching::kWriteBack;
  const abi::Answer memory = call::MemoryPhysical(physical, length, static_cast<uint64_t>(caching));
  if (!memory.ok()) return memory.status;
  PhysicalMapping mapping = {memory.value[0], area.Take(length, physical % kSuperpageSize), length};
  const Status status =
      MapInProcess(abi::kSelf, mapping.address, mapping.memory, 0, length, rights);
  if (status != Status::kOk) {
    (void)call::HandleClose(mapping.memory);
    return status;
  }
  return mapping;
}

std::span<const std::byte> FirmwareMemory::Map(uint64_t physical, uint64_t length) {
  if (current_.length != 0) {
    (void)UnmapInProcess(abi::kSelf, current_.address, current_.memory, current_.length);
    (void)call::HandleClose(current_.memory);
    current_ = {};
  }
  constexpr uint64_t kPhysicalTop = uint64_t{1} << 52;
  if (length == 0 || !RangeWithin(physical, length, kPhysicalTop - kPageSize)) return {};
  const uint64_t start = AlignDown(physical, kPageSize);
  const uint64_t bytes = AlignUp(physical + length, kPageSize) - start;
  const Result<PhysicalMapping> mapping = MapPhysical(area_, start, bytes, false, abi::kRead);
  if (!mapping.ok()) return {};
  current_ = *mapping;
  return {reinterpret_cast<const std::byte*>(current_.address + (physical - start)), length};
}

Result<volatile std::byte*> SupervisorPlatform::MapDevice(HostPhysical start, uint64_t length) {
  const Result<PhysicalMapping> mapping =
      MapPhysical(area_, Raw(start), length, true, abi::kRead | abi::kWrite);
  if (!mapping.ok()) return mapping.status();
  return reinterpret_cast<volatile std::byte*>(mapping->address);
}

Result<DriverPlatform::DmaPage> SupervisorPlatform::AllocateDma() {
  const Result<OwnMemory> memory = AllocateMemory(area_, kPageSize);
  if (!memory.ok()) return memory.status();
  const abi::Answer physical = call::SystemControl(
      static_cast<uint64_t>(abi::SystemOperation::kAddressOf), memory->handle, 0, 0);
  if (!physical.ok()) return physical.status;
  return DmaPage{memory->bytes.data(), physical.value[0]};
}

Result<DriverPlatform::Msi> SupervisorPlatform::AllocateMsi(uint32_t device) {
  const abi::Answer message = call::EventInterrupt(event_, bits_, device);
  if (!message.ok()) return message.status;
  return Msi{message.value[0], static_cast<uint32_t>(message.value[1])};
}

Usage UsageOf(uint64_t process) {
  const abi::Answer usage =
      call::ProcessControl(process, static_cast<uint64_t>(abi::ProcessOperation::kUsage), 0, 0);
  if (!usage.ok()) return {};
  return {usage.value[0], usage.value[1], usage.value[2], usage.value[3]};
}

uint64_t FreeMemoryOfNode() {
  const abi::Answer totals =
      call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kTotals), 0, 0, 0);
  return totals.ok() ? totals.value[1] * kPageSize : 0;
}

Result<OwnMemory> AllocateMemory(AddressArea& area, uint64_t length) {
  return AllocateMemory(area.Take(length), length);
}

Result<OwnMemory> AllocateMemory(uint64_t address, uint64_t length) {
  const abi::Answer memory = call::MemoryCreate(length);
  if (!memory.ok()) return memory.status;
  const Status status =
      MapInProcess(abi::kSelf, address, memory.value[0], 0, length, abi::kRead | abi::kWrite);
  if (status != Status::kOk) {
    (void)call::HandleClose(memory.value[0]);
    return status;
  }
  return OwnMemory{memory.value[0], {reinterpret_cast<std::byte*>(address), length}};
}

void UnmapMemory(const OwnMemory& memory) {
  (void)UnmapInProcess(abi::kSelf, reinterpret_cast<uint64_t>(memory.bytes.data()), memory.handle,
                       memory.bytes.size());
}

void FreeMemory(const OwnMemory& memory) {
  UnmapMemory(memory);
  (void)call::HandleClose(memory.handle);
}

}  // namespace bulkhead
