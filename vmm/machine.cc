// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/machine.h"

#include <algorithm>
#include <cstring>

#include "base/align.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "runtime/runtime.h"
#include "vmm/layout.h"
#include "vmm/x86_64/acpi.h"
#include "vmm/x86_64/pvh.h"

namespace bulkhead {
namespace {

// The VMM's own address space, above what the supervisor has put there.
constexpr uint64_t kStateAddress = 0x30'0000'0000;
constexpr uint64_t kVcpuStackAddress = 0x30'0100'0000;
constexpr uint64_t kVcpuStackBytes = 64 * 1024;
constexpr uint64_t kGuestAddress = 0x100'0000'0000;
constexpr uint64_t kVcpuPriority = 3;
constexpr uint64_t kReadWrite = uint64_t{abi::kRead} | abi::kWrite;

uint64_t Must(const abi::Answer& answer, const char* what) {
  if (!answer.ok()) {
    Text<128> text;
    text << "cannot make " << what << ": " << StatusName(answer.status);
    Abort(text.view());
  }
  return answer.value[0];
}

void Must(Status status, const char* what) { Must(abi::Answer{status, {}}, what); }

abi::SegmentRegister ToSegment(const SegmentState& segment) {
  return {segment.selector, segment.attributes, segment.limit, segment.base};
}

void SetEntryState(const EntryState& entry, abi::VcpuState& state) {
  std::copy(entry.gpr.begin(), entry.gpr.end(), state.gpr);
  state.rip = entry.rip;
  state.rflags = entry.rflags;
  state.cr0 = entry.cr0;
  state.cr3 = entry.cr3;
  state.cr4 = entry.cr4;
  state.efer = entry.efer;
  state.cs = ToSegment(entry.code);
  for (abi::SegmentRegister* data : {&state.ds, &state.es, &state.ss, &state.fs, &state.gs}) {
    *data = ToSegment(entry.data);
  }
  state.tr = ToSegment(entry.task);
  // An empty LDT (AMD APM 2, 14.1.3); descriptor tables as after reset.
  state.ldtr = {.selector = 0, .attributes = 0x82, .limit = 0xffff, .base = 0};
  state.gdtr = {.selector = 0, .attributes = 0, .limit = 0xffff, .base = 0};
  state.idtr = {.selector = 0, .attributes = 0, .limit = 0xffff, .base = 0};
}

// Whether the vendor is AMD or Hygon, who use its registers.
bool IsAmd() {
  constexpr uint32_t kAuth = 0x68747541, kHygo = 0x6f677948;
  const uint32_t vendor = ProcessorCpuid(0, 0).ebx;
  return vendor == kAuth || vendor == kHygo;
}

std::span<std::byte> Bytes(VmmRange range) {
  return {reinterpret_cast<std::byte*>(range.address), range.length};
}

}  // namespace

CpuidRegisters ProcessorCpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidRegisters r;
  asm volatile("cpuid"
               : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
               : "a"(leaf), "c"(subleaf));
  return r;
}

Machine::Machine(const VmmStartup& startup)
    : started_(Now()),
      startup_(startup),
      outbox_(Bytes(startup.output), startup.supervisor_event, startup.supervisor_bits),
      input_(Bytes(startup.input)),
      mutex_(Must(call::EventCreate(), "a lock")),
      msrs_(clock_, IsAmd(), true),
      cpuid_{.vcpu = 0,
             .cpus = kVcpus,
             .supported_xcr0 = SupportedXcr0(ProcessorCpuid),
             .tsc_hz = startup.counter_hz,
             .apic_timer_hz = startup.counter_hz,
             .tsc_aux = true} {}

void Machine::End(PodEnd end, std::string_view text) {
  outbox_.End(end, text);
  Exit(static_cast<uint64_t>(end));
}

void Machine::EndWithFault(std::string_view text) { End(PodEnd::kGuestFault, text); }

void Machine::CreateMemory() {
  const uint64_t bytes = startup_.guest_memory;
  if (bytes < layout::kMinimumRam) {
    Text<128> text;
    text << "a pod needs at least " << (layout::kMinimumRam >> 20) << " MiB of memory";
    End(PodEnd::kNotStarted, text.view());
  }
  const uint64_t memory = Must(call::MemoryCreate(bytes), "guest memory");
  vm_ = Must(call::VmCreate(), "a virtual machine");
  const uint64_t low = layout::LowRam(bytes);
  const uint64_t high = layout::HighRam(bytes);
  constexpr uint64_t kAll = kReadWrite | abi::kExecute;
  const auto map = [&](uint64_t guest, uint64_t offset, uint64_t length) {
    // The guest may execute what it likes; the VMM never executes guest memory.
    Must(MapInProcess(abi::kSelf, kGuestAddress + guest, memory, offset, length, kReadWrite),
         "a mapping of guest memory");
    Must(MapInVm(vm_, guest, memory, offset, length, kAll), "guest memory");
  };
  map(0, 0, low);
  if (high != 0) map(layout::kHighRamStart, low, high);
  const auto region = [](uint64_t guest, uint64_t length) {
    return GuestMemory::Region{guest, Bytes({kGuestAddress + guest, length})};
  };
  memory_ = GuestMemory(region(0, low),
                        high != 0 ? region(layout::kHighRamStart, high) : GuestMemory::Region{});
}

void Machine::CreateVcpu() {
  const uint64_t page = Must(call::MemoryCreate(kPageSize), "a vCPU's state");
  vcpus_[0] = Must(call::VcpuCreate(vm_, 0, page), "a vCPU");
  Must(MapInProcess(abi::kSelf, kStateAddress, page, 0, kPageSize, kReadWrite), "a vCPU's state");
  state_ = reinterpret_cast<abi::VcpuState*>(kStateAddress);
}

void Machine::LoadGuest() {
  const Result<AcpiTables> acpi =
      BuildAcpiTables({.cpus = kVcpus, .virtio_devices = devices_->count()}, memory_,
                      static_cast<GuestPhysical>(layout::kAcpiTables), layout::kAcpiTablesSize);
  Must(acpi.status(), "ACPI tables");
  LoadedKernel loaded;
  const PvhError error = LoadPvhKernel({.kernel = Bytes(startup_.kernel),
                                        .initramfs = Bytes(startup_.initramfs),
                                        .command_line = startup_.command_line,
                                        .rsdp = acpi->rsdp},
                                       memory_, loaded);
  if (!error.ok()) {
    Text<256> text;
    text << error;
    End(PodEnd::kNotStarted, text.view());
  }
  // Guest time begins now.
  const uint64_t now = Now();
  const uint64_t elapsed = now / startup_.counter_hz * 1'000'000'000 +
                           now % startup_.counter_hz * 1'000'000'000 / startup_.counter_hz;
  clock_ =
      Pvclock(startup_.counter_hz, 0, startup_.wall_clock == 0 ? 0 : startup_.wall_clock + elapsed);
  SetEntryState(loaded.entry, *state_);
  state_->tsc_offset = 0 - now;
  state_->dirty = abi::kDirtySystem;
  Text<128> line;
  line << "bulkhead: vmm started at counter " << started_ << ", its guest at " << now;
  outbox_.Log(line.view());
}

void Machine::StartVcpuThread() {
  const uint64_t stack = Must(call::MemoryCreate(kVcpuStackBytes), "a stack");
  Must(MapInProcess(abi::kSelf, kVcpuStackAddress, stack, 0, kVcpuStackBytes, kReadWrite),
       "a stack");
  // As a call would leave it: 8 off a multiple of 16.
  const uint64_t top = kVcpuStackAddress + kVcpuStackBytes - 8;
  Must(call::ThreadCreate(abi::kSelf, reinterpret_cast<uint64_t>(&VcpuThread), top,
                          reinterpret_cast<uint64_t>(this), kVcpuPriority),
       "a thread");
}

void Machine::VcpuThread(uint64_t machine) { reinterpret_cast<Machine*>(machine)->RunVcpu(); }

void Machine::RunVcpu() {
  for (;;) {
    const abi::Answer answer = call::VcpuRun(vcpus_[0]);
    if (!answer.ok()) Abort("vcpu_run failed");
    HandleExit();
  }
}

void Machine::ServeDevices() {
  bool more = true;
  for (;;) {
    // While there is more to do at once the wait does not wait: it gives others their turn.
    if (!more) (void)call::EventWait(startup_.own_event, abi::kNever);
    const MutexLock lock(mutex_);
    more = devices_->Continue();
    if (const char* problem = devices_->Problem(); problem != nullptr) {
      Text<200> text;
      text << "virtio: " << problem;
      EndWithFault(text.view());
    }
  }
}

void Machine::Run() {
  CreateMemory();
  CreateVcpu();
  devices_.emplace(memory_, Bytes(startup_.image), outbox_, input_, vcpus_);
  LoadGuest();
  StartVcpuThread();
  ServeDevices();
}

}  // namespace bulkhead
