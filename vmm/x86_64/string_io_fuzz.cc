// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A guest that writes its page tables, code and registers as it likes: string I/O may be refused,
// but reads nothing outside guest memory, and changes nothing when it is refused.

#include <cstdlib>
#include <cstring>
#include <vector>

#include "vmm/x86_64/string_io.h"

namespace bulkhead {
namespace {

constexpr size_t kMemorySize = 0x6000;

struct Input {
  uint8_t mode;
  uint8_t flags;
  uint16_t rip;
  uint32_t cr3;
  GprFile gpr;
};

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input{};
  const size_t head = size < sizeof(input) ? size : sizeof(input);
  std::memcpy(&input, data, head);
  std::vector<std::byte> bytes(kMemorySize);
  for (size_t i = head; i < size && i - head < kMemorySize; ++i) {
    bytes[i - head] = std::byte{data[i]};
  }
  const GuestMemory memory({0, bytes});

  CpuState cpu;
  cpu.gpr = input.gpr;
  cpu.rip = input.rip;
  cpu.cr3 = input.cr3;
  cpu.cr0 = (input.mode & 1) ? kCr0Pg | kCr0Pe : 0;
  cpu.cr4 = ((input.mode & 2) ? kCr4Pae : 0) | ((input.mode & 4) ? kCr4Pse : 0);
  cpu.efer = (input.mode & 8) ? kEferLma : 0;
  cpu.cs_long = input.mode & 16;
  cpu.cs_default = input.mode & 32;
  cpu.cpl = (input.mode & 64) ? 3 : 0;
  cpu.rflags = (input.flags & 1) ? kFlagDirection : 0;
  const CpuState before = cpu;
  const StringIo io = {.port = 0x3f8,
                       .width = static_cast<uint8_t>(1 << (input.flags >> 1 & 3) % 3),
                       .in = (input.flags & 8) != 0,
                       .repeat = (input.flags & 16) != 0};
  const PortBus bus = {nullptr, [](void*, uint16_t, uint8_t) { return ~0u; },
                       [](void*, uint16_t, uint8_t, uint32_t) {}};
  const StringIoOutcome outcome = EmulateStringIo(cpu, memory, io, bus);
  if (outcome.kind == StringIoOutcome::Kind::kDone) {
    Check(cpu.rip == before.rip || ((cpu.rip - before.rip) & 0xffffffff) <= kMaxInstructionLength);
  } else {
    Check(cpu.rip == before.rip && cpu.gpr == before.gpr && cpu.rflags == before.rflags);
  }
  return 0;
}

}  // namespace bulkhead
