// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Stands in for the supervisor: gives virtual processors states that the processor refuses, one
// after the other, and says on the log what vcpu_run answers, in TAP. After each the same virtual
// processor has to run with a good state again.

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/format.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "hypervisor/abi/x86_64/vcpu_state.h"
#include "hypervisor/abi/x86_64/vmx_errors.h"
#include "runtime/runtime.h"

namespace bulkhead {
namespace {

using abi::ExitReason;
using abi::VcpuState;

constexpr uint64_t kGuestMemory = 0x4000'0000;  // where this program sees it
constexpr uint64_t kState = 0x5000'0000;
constexpr uint64_t kSize = 2 << 20;
constexpr uint8_t kCode[] = {0x0f, 0xa2};  // cpuid

constexpr uint64_t kVmexitInvalid = ~uint64_t{0};               // AMD APM 2, appendix C
constexpr uint64_t kInvalidGuest = abi::kVmxEntryFailure | 33;  // Intel SDM 3D, appendix C
constexpr uint64_t kInvalidControls = 7;                        // Intel SDM 3C, 31.4
constexpr uint64_t kRuns = 0;                                   // is not refused

constexpr uint64_t kProtected = 0x11;             // CR0: PE, ET
constexpr uint64_t kPaging = uint64_t{1} << 31;   // CR0
constexpr uint64_t kPae = 1 << 5;                 // CR4
constexpr uint64_t kLongMode = 1 << 8 | 1 << 10;  // EFER: LME, LMA

void Log(std::string_view text) {
  (void)call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kLog),
                            reinterpret_cast<uint64_t>(text.data()), text.size(), 0);
}

// 32-bit protected mode without paging.
void SetGood(VcpuState& state) {
  std::memset(state.gpr, 0, sizeof(state.gpr));
  state.dirty = abi::kDirtySystem;
  state.inject = 0;
  state.rip = 0;
  state.rflags = 2;
  state.cr0 = kProtected;
  state.cr2 = state.cr3 = state.cr4 = state.efer = 0;
  state.cs = {8, 0xc9b, 0xffffffff, 0};
  state.ds = state.es = state.fs = state.gs = state.ss = {0x10, 0xc93, 0xffffffff, 0};
  state.tr = {0, 0x8b, 0x67, 0};
  state.ldtr = {0, 0x82, 0xffff, 0};
  state.gdtr = state.idtr = {0, 0, 0xffff, 0};
  state.cpl = 0;
  state.tsc_offset = 0;
}

struct Case {
  const char* what;
  void (*spoil)(VcpuState& state);
  // kInvalidState's detail; kRuns: such a processor does not care.
  uint64_t amd;
  uint64_t intel;
};

// On VT-x the hypervisor holds back what CR4 has not. AMD APM 2, 15.5.1; Intel SDM 3C, 27.2.1.3
// and 27.3.1.
constexpr Case kCases[] = {
    {"CR0 beyond 32 bits", [](VcpuState& s) { s.cr0 |= uint64_t{1} << 32; }, kVmexitInvalid,
     kInvalidGuest},
    {"a CR4 bit that does not exist", [](VcpuState& s) { s.cr4 |= uint64_t{1} << 40; },
     kVmexitInvalid, kRuns},
    {"long mode without PAE",
     [](VcpuState& s) {
       s.cr0 |= kPaging;
       s.efer = kLongMode;
     },
     kVmexitInvalid, kInvalidGuest},
    {"code that is 64-bit and 32-bit at once",
     [](VcpuState& s) {
       s.cr0 |= kPaging;
       s.cr4 |= kPae;
       s.efer = kLongMode;
       s.cs.attributes |= 1 << 9 | 1 << 10;
     },
     kVmexitInvalid, kInvalidGuest},
    {"paging without protection", [](VcpuState& s) { s.cr0 = kPaging | 0x10; }, kRuns,
     kInvalidGuest},
    {"a flag that does not exist", [](VcpuState& s) { s.rflags |= 1 << 15; }, kRuns, kInvalidGuest},
    {"RIP beyond the 32-bit code", [](VcpuState& s) { s.rip = uint64_t{2} << 32; }, kRuns,
     kInvalidGuest},
    {"a code segment that is data", [](VcpuState& s) { s.cs.attributes = 0xc92; }, kRuns,
     kInvalidGuest},
    {"a task register that is not usable", [](VcpuState& s) { s.tr.attributes = 0; }, kRuns,
     kInvalidGuest},
    {"an IDT with too large a limit", [](VcpuState& s) { s.idtr.limit = 0x10000; }, kRuns,
     kInvalidGuest},
    {"an exception with an error code that it has not",
     [](VcpuState& s) { s.inject = abi::kInjectValid | abi::kInjectHasError | 6; }, kRuns,
     kInvalidControls},
};

class Report {
 public:
  void Check(bool ok, std::string_view what, const VcpuState& state) {
    Text<240> line;
    line << (ok ? "ok " : "not ok ") << ++count_ << " - " << what;
    if (!ok) {
      line << " # reason " << static_cast<uint32_t>(state.reason) << " detail " << Hex{state.detail}
           << " rip " << Hex{state.rip};
    }
    Log(line.view());
  }
  void Plan() {
    Text<40> line;
    line << "1.." << count_;
    Log(line.view());
  }

 private:
  unsigned count_ = 0;
};

struct CpuidResult {
  uint32_t a, b, c, d;
};
CpuidResult Cpuid(uint32_t leaf) {
  CpuidResult r = {.a = leaf};
  asm volatile("cpuid" : "+a"(r.a), "=b"(r.b), "+c"(r.c), "=d"(r.d));
  return r;
}
bool IsIntel() {
  constexpr uint32_t kGenu = 0x756e6547;
  return Cpuid(0).b == kGenu;
}
// With shadow stacks came exceptions that have an error code or not: VT-x leaves it to the
// hypervisor then (Intel SDM 3D, A.1, bit 56).
bool ErrorCodesAreFree() { return (Cpuid(7).c & 1 << 7) != 0; }

}  // namespace

[[noreturn]] void ProgramMain(uint64_t) {
  SetLastWords(Log);
  const uint64_t memory = call::MemoryCreate(kSize).value[0];
  const uint64_t page = call::MemoryCreate(4096).value[0];
  const abi::Answer made = call::VmCreate();
  if (!made.ok()) Abort("bulkhead: fatal: no virtual machine can be made");
  const uint64_t vm = made.value[0];
  if (MapInProcess(abi::kSelf, kGuestMemory, memory, 0, kSize, abi::kRead | abi::kWrite) !=
          Status::kOk ||
      MapInProcess(abi::kSelf, kState, page, 0, 4096, abi::kRead | abi::kWrite) != Status::kOk ||
      MapInVm(vm, 0, memory, 0, kSize, abi::kRead | abi::kWrite | abi::kExecute) != Status::kOk) {
    Abort("bulkhead: fatal: no memory for the guest");
  }
  std::memcpy(reinterpret_cast<void*>(kGuestMemory), kCode, sizeof(kCode));
  const abi::Answer vcpu = call::VcpuCreate(vm, 0, page);
  if (!vcpu.ok()) Abort("bulkhead: fatal: no virtual processor");
  auto& state = *reinterpret_cast<VcpuState*>(kState);

  const bool intel = IsIntel();
  Report report;
  Log("TAP version 13");
  for (const Case& c : kCases) {
    uint64_t want = intel ? c.intel : c.amd;
    if (want == kInvalidControls && ErrorCodesAreFree()) want = kRuns;
    if (want != kRuns) {
      SetGood(state);
      c.spoil(state);
      (void)call::VcpuRun(vcpu.value[0]);
      report.Check(state.reason == ExitReason::kInvalidState && state.detail == want, c.what,
                   state);
    }
    SetGood(state);
    (void)call::VcpuRun(vcpu.value[0]);
    report.Check(state.reason == ExitReason::kCpuid, "the next good state runs", state);
  }
  report.Plan();
  Log("end of the refused states");
  const uint64_t never = call::EventCreate().value[0];
  for (;;) (void)call::EventWait(never, abi::kNever);
}

}  // namespace bulkhead
