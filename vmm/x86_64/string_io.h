// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_X86_64_STRING_IO_H_
#define BULKHEAD_VMM_X86_64_STRING_IO_H_

// INS and OUTS (AMD APM 3, chapter 3): one element between a port and guest memory, found through
// the guest's page tables.

#include <cstdint>

#include "virtio/guest_memory.h"
#include "vmm/x86_64/cpu_state.h"

namespace bulkhead {

// What the exit says. Address size and segment are the instruction's own, which is fetched.
struct StringIo {
  uint16_t port = 0;
  uint8_t width = 0;  // bytes: 1, 2 or 4
  bool in = false;
  bool repeat = false;  // REP: rCX counts
};

struct PortBus {
  void* context = nullptr;
  uint32_t (*read)(void* context, uint16_t port, uint8_t width) = nullptr;
  void (*write)(void* context, uint16_t port, uint8_t width, uint32_t value) = nullptr;
};

struct StringIoOutcome {
  enum class Kind : uint8_t {
    kDone,               // registers are changed, RIP too if nothing is left to do
    kPageFault,          // inject #PF (error_code) with CR2 = linear; nothing is changed
    kGeneralProtection,  // inject #GP(0); nothing is changed
    kUnsupported,        // the instruction cannot be fetched or is another one, or not RAM is
                         // where its element goes; nothing is changed
  };
  Kind kind = Kind::kDone;
  uint32_t error_code = 0;
  uint64_t linear = 0;
};

// One element; while elements are left RIP stays, and the instruction exits again. A device sees
// nothing of what the guest's memory refuses; one that is read has been read then.
StringIoOutcome EmulateStringIo(CpuState& cpu, const GuestMemory& memory, const StringIo& io,
                                const PortBus& bus);

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_X86_64_STRING_IO_H_
