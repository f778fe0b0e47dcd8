// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <algorithm>
#include <cstring>
#include <string_view>

#include "arch/cpu.h"
#include "arch/log.h"
#include "base/align.h"
#include "hypervisor/calls.h"
#include "hypervisor/machine.h"
#include "hypervisor/start_cpu.h"

namespace bulkhead {
namespace {

bool ValidPort(uint64_t port, uint64_t width) {
  return port <= 0xffff && (width == 1 || width == 2 || width == 4);
}

// Copies user memory in, page by page, through the process's own page table. Only RAM that was
// given out: nothing else is sure to be in the direct map.
Status CopyIn(const PageAllocator& pages, const Process& process, uint64_t address, char* to,
              uint64_t length) {
  while (length > 0) {
    if (address >= abi::kUserTop) return Status::kInvalidArgument;
    const Translation translation = process.space.Lookup(address);
    if (translation.level == 0 || !translation.attributes.user ||
        !pages.Owns(Raw(translation.physical), 1)) {
      return Status::kInvalidArgument;
    }
    const uint64_t part = std::min(length, kPageSize - address % kPageSize);
    std::memcpy(to, arch::ToPointer(translation.physical), part);
    address += part;
    to += part;
    length -= part;
  }
  return Status::kOk;
}

}  // namespace

CallResult Calls::SystemControl(Thread& caller, uint64_t operation, uint64_t argument0,
                                uint64_t argument1, uint64_t argument2) {
  if (!IsSystem(caller)) return Status::kDenied;
  switch (static_cast<abi::SystemOperation>(operation)) {
    case abi::SystemOperation::kLog: {
      if (argument1 > abi::kMaxLogLength) return Status::kInvalidArgument;
      char text[abi::kMaxLogLength];
      BULKHEAD_RETURN_IF_ERROR(CopyIn(node_.pages, caller.process, argument0, text, argument1));
      LogLine(std::string_view(text, argument1));
      return uint64_t{0};
    }
    case abi::SystemOperation::kPortRead:
      if (!ValidPort(argument0, argument1)) return Status::kInvalidArgument;
      return arch::PortRead(static_cast<uint16_t>(argument0), static_cast<unsigned>(argument1));
    case abi::SystemOperation::kPortWrite:
      if (!ValidPort(argument0, argument1)) return Status::kInvalidArgument;
      return arch::PortWrite(static_cast<uint16_t>(argument0), static_cast<unsigned>(argument1),
                             argument2);
    case abi::SystemOperation::kAddressOf: {
      const Capability* capability = caller.process.capabilities.Find(argument0);
      if (capability == nullptr || capability->object->kind() != ObjectKind::kMemory) {
        return Status::kBadHandle;
      }
      auto& memory = static_cast<Memory&>(*capability->object);
      if (argument1 >= memory.size() || !IsAligned(argument1, kPageSize)) {
        return Status::kInvalidArgument;
      }
      const Result<Memory::Piece> piece = memory.Populate(argument1, node_.pages);
      if (!piece.ok()) return piece.status();
      return Raw(piece->physical);
    }
    case abi::SystemOperation::kTotals:
      return CallResult(node_.pages.total_pages(), node_.pages.free_pages(),
                        (node_.own[0].length + node_.own[1].length) >> kPageShift, 0);
    case abi::SystemOperation::kReset:
      arch::ResetMachine();
    case abi::SystemOperation::kPowerOff:
      return arch::PowerOffMachine();
    case abi::SystemOperation::kStartCpu:
      return StartCpu(node_, argument0);
    case abi::SystemOperation::kDumpTrace:
      DumpTrace(node_);
      return uint64_t{0};
  }
  return Status::kInvalidArgument;
}

}  // namespace bulkhead
