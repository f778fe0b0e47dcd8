// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "platform/platform.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "base/format.h"
#include "vmm/aarch64/devicetree.h"
#include "vmm/aarch64/image.h"
#include "vmm/aarch64/layout.h"
#include "vmm/machine.h"

namespace bulkhead {
namespace {

// EL1 with its own stack pointer; debug, SError, IRQ and FIQ masked (Linux, booting.rst).
constexpr uint64_t kEntryPstate = 0x3c5;

// For the guest: where it places itself, and 32 bytes of seed.
constexpr size_t kRandomBytes = 40;

}  // namespace

void Platform::Load(abi::VcpuState& state) {
  const VmmStartup& startup = machine_.startup();
  PlatformEntropy& entropy = machine_.entropy();
  smccc_.emplace(Machine::kVcpus, entropy.available() ? &entropy : nullptr, kStolenTime);

  LoadedImage loaded;
  const ImageError error =
      LoadImage({.kernel = Bytes(startup.kernel), .initramfs = Bytes(startup.initramfs)},
                machine_.memory(), loaded);
  if (!error.ok()) {
    Text<256> text;
    text << error;
    machine_.End(PodEnd::kNotStarted, text.view());
  }

  std::array<std::byte, kRandomBytes> random;
  const size_t random_bytes = entropy.available() ? entropy.Entropy(random) : 0;
  const auto room =
      machine_.memory().Slice(GuestPhysical{loaded.devicetree}, layout::kDevicetreeSize);
  Must(room ? BuildDevicetree({.cpus = Machine::kVcpus,
                               .ram_bytes = machine_.memory().size(),
                               .command_line = startup.command_line,
                               .initramfs_start = loaded.initramfs_start,
                               .initramfs_end = loaded.initramfs_end,
                               .random = std::span(random).first(random_bytes),
                               .virtio_devices = machine_.device_count(),
                               .debug_uart = startup.debug_uart != 0,
                               .real_time_clock = startup.wall_clock != 0},
                              *room)
                  .status()
            : Status::kNoMemory,
       "a devicetree");

  std::ranges::fill(state.gpr, 0);
  state.gpr[0] = loaded.devicetree;
  state.pc = loaded.entry;
  state.pstate = kEntryPstate;
  state.dirty |= abi::kDirtyReset;
}

void Platform::StartClock(abi::VcpuState& state, uint64_t now) {
  state.counter_offset = now;
  state.dirty |= abi::kDirtyTimer;
}

}  // namespace bulkhead
