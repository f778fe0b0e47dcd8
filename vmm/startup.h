// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_STARTUP_H_
#define BULKHEAD_VMM_STARTUP_H_

// What the supervisor gives a VMM, and how the two talk.

#include <cstddef>
#include <cstdint>

#include "vmm/byte_ring.h"

namespace bulkhead {

inline constexpr uint64_t kVmmStartupMagic = 0x50545353'4d4d5642;  // "BVMMSSTP"
inline constexpr uint64_t kVmmStartupVersion = 3;
inline constexpr uint64_t kVmmCommandLineCapacity = 2048;
inline constexpr uint64_t kVmmSeedBytes = 32;
inline constexpr uint32_t kVmmMaxImages = 8;

// A piece of the VMM's address space.
struct VmmRange {
  uint64_t address;  // 0: none
  uint64_t length;   // bytes
};

// Its address is the argument of the VMM's first thread. Mapped readable.
struct VmmStartup {
  uint64_t magic;
  uint64_t version;
  uint64_t counter_hz;             // ticks of the machine's counter in a second
  uint64_t wall_clock;             // nanoseconds since 1970 at counter value zero; 0: not known
  uint64_t created;                // counter when the supervisor began to make the pod
  uint64_t guest_memory;           // bytes of guest RAM to make
  uint64_t cpu;                    // index of the CPU where it has its threads
  uint64_t debug_uart;             // 1: show the guest a transmit-only UART
  VmmRange kernel;                 // as the architecture has it, readable
  VmmRange initramfs;              // readable
  VmmRange images[kVmmMaxImages];  // disks, readable; the first without an address ends them
  VmmRange output;                 // byte ring to the supervisor, of PodRecords
  VmmRange input;                  // byte ring from the supervisor: bytes for the guest's agent
  uint64_t own_event;              // handle: the VMM waits on it
  uint64_t supervisor_event;       // handle: the VMM signals it
  uint64_t supervisor_bits;        // with these bits
  // Random bytes of this VMM's own, where the machine has no instruction for them; zeros: none.
  uint8_t seed[kVmmSeedBytes];
  char command_line[kVmmCommandLineCapacity];  // NUL-terminated
};
static_assert(sizeof(VmmStartup) ==
              (19 + uint64_t{2} * kVmmMaxImages) * 8 + kVmmSeedBytes + kVmmCommandLineCapacity);

// Bits of own_event that the supervisor sets.
inline constexpr uint64_t kVmmInputBit = 1 << 0;    // there is input, or room in the output
inline constexpr uint64_t kVmmDevicesBit = 1 << 1;  // the VMM's own: a device has more to do

inline constexpr uint64_t kPodRingBytes = 64 * 1024;  // data of each ring

// The stream in the output ring: a header, then its payload.
enum class PodRecordType : uint32_t {
  kAgent = 1,    // bytes from the guest's agent
  kConsole = 2,  // bytes from the guest kernel's console
  kLog = 3,      // a line of text
  kEnded = 4,    // PodEnd as u32, then text: the last record
};
struct PodRecordHeader {
  PodRecordType type;
  uint32_t length;  // bytes of payload, at most kPodRecordMaxPayload
};
static_assert(sizeof(PodRecordHeader) == 8);
inline constexpr uint32_t kPodRecordMaxPayload = 16 * 1024;

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_STARTUP_H_
