// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "platform/platform.h"

#include <algorithm>
#include <span>

#include "vmm/machine.h"
#include "vmm/wall_clock.h"
#include "vmm/x86_64/acpi.h"
#include "vmm/x86_64/layout.h"
#include "vmm/x86_64/processor_cpuid.h"
#include "vmm/x86_64/pvh.h"

namespace bulkhead {
namespace {

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

}  // namespace

Platform::Platform(Machine& machine)
    : machine_(machine),
      msrs_(clock_, IsAmd(), true),
      cpuid_{.vcpu = 0,
             .cpus = Machine::kVcpus,
             .supported_xcr0 = SupportedXcr0(ProcessorCpuid),
             .tsc_hz = machine.startup().counter_hz,
             .apic_timer_hz = machine.startup().counter_hz,
             .tsc_aux = true} {}

void Platform::Load(abi::VcpuState& state) {
  const VmmStartup& startup = machine_.startup();
  const Result<AcpiTables> acpi = BuildAcpiTables(
      {.cpus = Machine::kVcpus, .virtio_devices = machine_.device_count()}, machine_.memory(),
      static_cast<GuestPhysical>(layout::kAcpiTables), layout::kAcpiTablesSize);
  Must(acpi.status(), "ACPI tables");
  LoadedKernel loaded;
  const PvhError error = LoadPvhKernel({.kernel = Bytes(startup.kernel),
                                        .initramfs = Bytes(startup.initramfs),
                                        .command_line = startup.command_line,
                                        .rsdp = acpi->rsdp},
                                       machine_.memory(), loaded);
  if (!error.ok()) {
    Text<256> text;
    text << error;
    machine_.End(PodEnd::kNotStarted, text.view());
  }
  SetEntryState(loaded.entry, state);
  state.dirty = abi::kDirtySystem;
}

void Platform::StartClock(abi::VcpuState& state, uint64_t now) {
  const VmmStartup& startup = machine_.startup();
  clock_ = Pvclock(startup.counter_hz, 0, WallClock(startup, now));
  state.tsc_offset = 0 - now;
  state.dirty |= abi::kDirtySystem;
}

}  // namespace bulkhead
