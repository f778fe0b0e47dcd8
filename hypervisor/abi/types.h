// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_HYPERVISOR_ABI_TYPES_H_
#define BULKHEAD_HYPERVISOR_ABI_TYPES_H_

// Types and constants that both sides of a call know, besides the calls themselves (calls.toml).

#include <cstdint>

namespace bulkhead::abi {

// What a capability allows. kRead, kWrite and kExecute are about memory.
enum Rights : uint32_t {
  kRead = 1 << 0,
  kWrite = 1 << 1,
  kExecute = 1 << 2,
  kControl = 1 << 3,          // change the object, create things in it
  kSignal = 1 << 4,           // set an event's bits, call through a channel, interrupt a vCPU
  kWait = 1 << 5,             // wait for an event, receive from a channel
  kGrant = 1 << 6,            // copy the capability into another process
  kSystem = 1 << 7,           // on a process's capability for itself: physical memory, ports, power
  kAllRights = (1 << 7) - 1,  // kSystem is never given with a new object
};

// Every process's capability for itself. A new process has it with kControl only.
inline constexpr uint64_t kSelf = 0;

inline constexpr uint64_t kPriorities = 8;
inline constexpr uint32_t kWholeCpu = 1000;     // shares of a CPU are in thousandths
inline constexpr uint32_t kDefaultWeight = 10;  // of a process that nobody gave another
inline constexpr uint64_t kMaxVcpus = 64;
inline constexpr uint64_t kMaxCpus = 256;
inline constexpr uint64_t kNever = ~uint64_t{0};
inline constexpr uint64_t kUserTop = uint64_t{1} << 46;  // first address user mode cannot map

enum class ProcessOperation : uint64_t {
  kWatch = 0,   // argument0: handle of an event (kSignal); argument1: bits to set when it ends
  kKill = 1,    // ends it; reported as kKilled
  kStatus = 2,  // returns ProcessEnd, code (exit code, or fault), address (of a fault)
  kUsage = 3,   // returns quota, used and peak, in bytes; time that its threads have had, in ticks
  kSetShare = 4,  // what it may have of a CPU; where it has no share, it has no threads. argument0:
                  // Share; argument1: the CPU's index. Only for a caller whose own capability has
                  // kSystem; not for the root task, which goes before all others on CPU 0
};

// A share as one word: weight among the processes that want to run, 1 to kWholeCpu; the most it may
// have of every 100 ms, in thousandths, to kWholeCpu; 0: everything.
constexpr uint64_t Share(uint32_t weight, uint32_t ceiling) {
  return uint64_t{ceiling} << 32 | weight;
}

enum class ProcessEnd : uint64_t {
  kRunning = 0,
  kExited = 1,
  kFaulted = 2,
  kKilled = 3,
};

enum class Caching : uint64_t {
  kWriteBack = 0,
  kUncached = 1,
};

enum class SystemOperation : uint64_t {
  kLog = 0,        // argument0: user address of text; argument1: bytes, at most kMaxLogLength
  kPortRead = 1,   // argument0: I/O port; argument1: width in bytes (1, 2, 4); returns the value
  kPortWrite = 2,  // argument0: I/O port; argument1: width in bytes; argument2: value
  kAddressOf = 3,  // argument0: handle of a Memory; argument1: offset; returns the physical address
  kTotals = 4,     // returns pages in all, pages free, the hypervisor's own
  kReset = 5,      // resets the machine at once
  kDumpTrace = 6,  // writes the trace ring to the log
  kPowerOff = 7,   // powers the machine off at once, where firmware does that for the hypervisor
                   // (PSCI); else kNotSupported
  kStartCpu = 8,   // argument0: a processor of the machine, as the firmware's tables name it (local
                   // APIC id, MPIDR); returns the index by which calls name it from then on. The
                   // first one has index 0. kExists: it runs; kTimedOut: it does not start, and
                   // no other will be started; kNoHandle: so it is, or kMaxCpus run;
                   // kNotSupported: this machine cannot start it
};
inline constexpr uint64_t kMaxLogLength = 256;

// How long a virtual processor was ready to run in vcpu_run while others ran; in the second page of
// its state, if there is one. As a guest wants to see it (Arm DEN0057A, 3.2.2).
struct StolenTime {
  uint32_t revision;    // 0
  uint32_t attributes;  // 0
  uint64_t nanoseconds;
};
static_assert(sizeof(StolenTime) == 16);

// What the hypervisor passes to the root task: the address of this structure is the argument of
// its first thread. Mapped readable.
struct RootInfo {
  uint64_t version;            // kRootInfoVersion
  uint64_t counter_hz;         // ticks of the machine's counter in a second
  uint64_t bundle_physical;    // page-aligned
  uint64_t bundle_length;      // bytes
  uint64_t acpi_rsdp;          // physical address; 0: none
  uint64_t devicetree;         // physical address of the flattened devicetree; 0: none
  uint64_t devicetree_length;  // bytes
  uint64_t wall_clock;         // ns since 1970 at counter 0, if the loader knew it; 0: not known
  uint64_t hypervisor_bytes;   // memory the hypervisor keeps for itself, image included
  char command_line[1024];     // NUL-terminated
};
inline constexpr uint64_t kRootInfoVersion = 2;
static_assert(sizeof(RootInfo) == 72 + 1024);

}  // namespace bulkhead::abi

#endif  // BULKHEAD_HYPERVISOR_ABI_TYPES_H_
