// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_machine.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "cli/bochs_machine.h"
#include "cli/failure.h"
#include "cli/qemu_machine.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kFixedMemory = 96 * kMiB;      // hypervisor, supervisor, VMM, page tables, slack
constexpr uint64_t kFirmwareMemory = 128 * kMiB;  // the UEFI firmware's own
// QEMU's virt machine puts the bundle 128 MiB (or half of the memory) above the memory's start.
constexpr uint64_t kMemoryBelowBundle = 128 * kMiB;

// What differs between emulators.
struct Emulator {
  absl::Status (*check)(const NodeMachineConfig& config);
  absl::StatusOr<NodeMachine> (*start)(const NodeMachineConfig& config, const RunContext& context);
};

constexpr Emulator kQemu = {.check = CheckQemu, .start = StartQemu};
constexpr Emulator kBochs = {.check = CheckBochs, .start = StartBochs};

const Emulator& EmulatorOf(MachineKind machine) {
  return machine == MachineKind::kBochs ? kBochs : kQemu;
}

}  // namespace

uint64_t NodeMemory(Architecture arch, uint64_t pod_memory, uint64_t bundle_size,
                    FirmwareKind firmware) {
  uint64_t size = pod_memory + pod_memory / 128 + bundle_size + kFixedMemory;
  if (firmware == FirmwareKind::kUefi) {
    size += kFirmwareMemory;
  } else if (arch == Architecture::kAarch64) {
    size = std::max(size, bundle_size + kMemoryBelowBundle + kFixedMemory);
  }
  return (size + kMiB - 1) / kMiB * kMiB;
}

std::string EmulatorProgram(MachineKind machine, Architecture arch) {
  return machine == MachineKind::kBochs ? "bochs" : Facts(arch).qemu;
}

absl::Status CheckMachine(const NodeMachineConfig& config) {
  return EmulatorOf(config.machine).check(config);
}

absl::StatusOr<NodeMachine> StartNode(const NodeMachineConfig& config, const RunContext& context) {
  return EmulatorOf(config.machine).start(config, context);
}

absl::StatusOr<MachineOutput> MakeOutputPipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoFailure("cannot make a pipe", errno);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return MachineOutput{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace bulkhead
