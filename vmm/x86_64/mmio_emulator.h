// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_MMIO_EMULATOR_H_
#define BULKHEAD_VMM_X86_64_MMIO_EMULATOR_H_

// One exit for a guest-physical address without memory, from beginning to end: fetch the
// instruction through the guest's page tables, decode it, ask the devices, change the registers.

#include <array>
#include <cstdint>

#include "virtio/guest_memory.h"
#include "vmm/x86_64/cpu_state.h"
#include "vmm/x86_64/mmio_decoder.h"

namespace bulkhead {

// The devices. Width is 1, 2, 4 or 8 bytes. False: nothing answers at this address.
struct MmioBus {
  void* context = nullptr;
  bool (*read)(void* context, GuestPhysical address, uint8_t width, uint64_t* value) = nullptr;
  bool (*write)(void* context, GuestPhysical address, uint8_t width, uint64_t value) = nullptr;
};

struct MmioOutcome {
  enum class Kind : uint8_t {
    kDone,         // registers and RIP are changed: enter the guest again
    kPageFault,    // inject #PF (error_code) with CR2 = address; nothing is changed
    kNoDevice,     // nothing answers at the address
    kNoFetch,      // the instruction could not be read through the guest's page tables
    kUnsupported,  // `bytes` is not an instruction that this VMM emulates
  };
  Kind kind = Kind::kDone;
  uint32_t error_code = 0;
  uint64_t address = 0;  // kPageFault: linear; else the guest-physical address of the exit
  std::array<uint8_t, kMaxInstructionLength> bytes{};
  uint8_t byte_count = 0;
};

// `fault` is the address that the exit reported, `is_write` whether it was for a store. A string
// instruction with REP does one element per call.
MmioOutcome EmulateMmio(CpuState& cpu, const GuestMemory& memory, GuestPhysical fault,
                        bool is_write, const MmioBus& bus);

// One line for the log, for an outcome other than kDone and kPageFault.
class TextWriter;
void DescribeMmioOutcome(const MmioOutcome& outcome, uint64_t rip, TextWriter& out);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_MMIO_EMULATOR_H_
