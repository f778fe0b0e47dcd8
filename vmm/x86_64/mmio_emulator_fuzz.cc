// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A guest that writes its page tables, code and registers as it likes: the emulator may refuse, but
// reads nothing outside guest memory, and changes nothing when it refuses.

#include <cstdlib>
#include <cstring>
#include <vector>

#include "vmm/x86_64/mmio_emulator.h"

namespace bulkhead {
namespace {

constexpr size_t kMemorySize = 0x6000;

bool Read(void*, GuestPhysical address, uint8_t, uint64_t* value) {
  *value = 0x0123456789abcdef;
  return (Raw(address) & 0x1000) == 0;
}
bool Write(void*, GuestPhysical address, uint8_t, uint64_t) { return (Raw(address) & 0x1000) == 0; }

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
  const GuestPhysical fault{0xd0000000 + (uint64_t{input.flags} << 8)};
  const MmioBus bus = {nullptr, &Read, &Write};
  const MmioOutcome outcome = EmulateMmio(cpu, memory, fault, input.flags & 2, bus);
  if (outcome.kind == MmioOutcome::Kind::kDone) {
    Check(cpu.rip == before.rip || ((cpu.rip - before.rip) & 0xffffffff) <= kMaxInstructionLength);
  } else {
    Check(cpu.rip == before.rip && cpu.gpr == before.gpr && cpu.rflags == before.rflags);
  }
  return 0;
}

}  // namespace bulkhead
