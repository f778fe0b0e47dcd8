// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/bochs_machine.h"

#include <poll.h>

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "boot/multiboot2/grub_iso.h"
#include "cli/bochs.h"
#include "cli/failure.h"
#include "cli/loopback.h"

namespace bulkhead {
namespace {

// Above those that a program expects to have.
constexpr int kSerialDescriptor = 4;
constexpr char kFailureMark[] = ">>PANIC<< ";
// Bochs connects before it does anything else that takes time.
constexpr std::chrono::seconds kConnectLimit(60);

// Bochs itself is some fifty times slower than a processor, and a guest's kernel in it slower yet.
constexpr std::chrono::seconds kBootLimit(900);
constexpr std::chrono::seconds kEndLimit(20);

absl::Status MakeCd(const NodeMachineConfig& config, const RunContext& context) {
  return MakeGrubIso({.hypervisor = config.boot_image,
                      .bundle = config.bundle,
                      .command_line = absl::StrCat(kChannelOverCom2, " ", config.command_line)},
                     config.directory + "/" + kBochsCd, context);
}

// Waits until Bochs has connected. Nothing: it ended, or did not connect; then there is a reason on
// its stderr.
absl::StatusOr<UniqueFd> AcceptBochs(LoopbackListener& listener, const ChildProcess& bochs,
                                     const RunContext& context) {
  const auto until = std::chrono::steady_clock::now() + kConnectLimit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    pollfd fds[3] = {{listener.fd(), POLLIN, 0},
                     {bochs.pidfd(), POLLIN, 0},
                     {context.signals != nullptr ? context.signals->fd() : -1, POLLIN, 0}};
    if (left.count() <= 0 || poll(fds, 3, static_cast<int>(left.count())) <= 0) return UniqueFd();
    if (fds[2].revents != 0) {
      if (const std::optional<int> signal = context.signals->Take()) return Interrupted(*signal);
    }
    if (fds[0].revents != 0) {
      if (UniqueFd channel = listener.Accept(bochs.pid()); channel.valid()) return channel;
    } else if (fds[1].revents != 0) {
      return UniqueFd();
    }
  }
}

}  // namespace

absl::Status CheckBochs(const NodeMachineConfig& config) {
  return CheckBochsInstalled(config.program);
}

absl::StatusOr<NodeMachine> StartBochs(const NodeMachineConfig& config, const RunContext& context) {
  if (config.memory > kMaxBochsMemory) {
    return Failure("a node for this pod needs ", config.memory >> 20,
                   " MiB of memory, and Bochs has at most ", kMaxBochsMemory >> 20,
                   "; use a smaller --memory, or --machine qemu");
  }
  BULKHEAD_RETURN_IF_FAILED(MakeCd(config, context));
  BULKHEAD_ASSIGN_OR_RETURN(LoopbackListener listener, LoopbackListener::Create());
  Command command;
  BULKHEAD_ASSIGN_OR_RETURN(
      command.arguments,
      PrepareBochs({.program = config.program,
                    .directory = config.directory,
                    .memory = config.memory,
                    .cpu = config.bochs_cpu.empty() ? kDefaultBochsCpu : config.bochs_cpu,
                    .serial_descriptor = kSerialDescriptor,
                    .channel_port = listener.port(),
                    .log_errors = config.verbose}));
  BULKHEAD_ASSIGN_OR_RETURN(MachineOutput serial, MakeOutputPipe());
  BULKHEAD_ASSIGN_OR_RETURN(MachineOutput errors, MakeOutputPipe());
  command.environment = {kBochsEnvironment, "TMPDIR=" + config.directory};
  command.directory = config.directory;
  command.new_session = true;
  command.descriptors = {{serial.theirs.get(), kSerialDescriptor},
                         {errors.theirs.get(), STDERR_FILENO}};
  BULKHEAD_ASSIGN_OR_RETURN(ChildProcess process, ChildProcess::Start(command));
  BULKHEAD_ASSIGN_OR_RETURN(UniqueFd channel, AcceptBochs(listener, process, context));
  return NodeMachine{.process = std::move(process),
                     .channel = std::move(channel),
                     .serial = std::move(serial.ours),
                     .errors = std::move(errors.ours),
                     .name = "Bochs",
                     .failure_mark = kFailureMark,
                     .boot_limit = kBootLimit,
                     .end_limit = kEndLimit};
}

}  // namespace bulkhead
