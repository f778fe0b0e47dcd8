// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_machine.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kFixedMemory = 96 * kMiB;      // hypervisor, supervisor, VMM, page tables, slack
constexpr uint64_t kFirmwareMemory = 128 * kMiB;  // OVMF's own
constexpr char kFirmwareCode[] = "/OVMF_CODE_4M.fd";
constexpr char kFirmwareVariables[] = "/OVMF_VARS_4M.fd";

std::string SystemPartition(const NodeMachineConfig& config) {
  return config.directory + "/esp.img";
}

std::string Variables(const NodeMachineConfig& config) {
  return config.directory + "/ovmf-variables.fd";
}

// QEMU's option syntax: a comma in a value is doubled.
std::string Escaped(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == ',' ? ",," : std::string(1, c);
  return out;
}

absl::Status RunTool(const std::vector<std::string>& arguments, const RunContext& context) {
  Command command;
  command.arguments = arguments;
  // mtools asks no questions and does not look for a configuration.
  command.environment = {"MTOOLS_SKIP_CHECK=1", "MTOOLSRC=/dev/null"};
  absl::StatusOr<CommandResult> result = RunCommand(command, context);
  if (absl::IsNotFound(result.status())) {
    return Failure(arguments[0], " is not installed; install the package mtools");
  }
  if (!result.ok()) return result.status();
  if (result->ok()) return absl::OkStatus();
  if (result->errors.find("No space left") != std::string::npos) {
    return ErrnoFailure("cannot make the system partition", ENOSPC);
  }
  return Failure("cannot make the system partition: ", arguments[0], ": ",
                 Printable(result->errors + result->output));
}

// A FAT file system with the loader, the bundle and the command line (UEFI 2.10, 13.3; 3.5.1.1).
absl::Status MakeSystemPartition(const NodeMachineConfig& config, const RunContext& context) {
  uint64_t size = 64 * kMiB;  // enough for FAT32, which has no upper limit that matters here
  for (const std::string& file : {config.bundle, config.loader}) {
    struct stat info;
    if (stat(file.c_str(), &info) != 0) return ErrnoFailure("cannot read " + file, errno);
    size += static_cast<uint64_t>(info.st_size) + kMiB;
  }
  size = (size + kMiB - 1) / kMiB * kMiB;
  const std::string image = SystemPartition(config);
  const std::string command_line = config.directory + "/cmdline";
  BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(command_line, config.command_line));
  BULKHEAD_RETURN_IF_FAILED(RunTool({"mformat", "-C", "-F", "-i", image, "-T",
                                     std::to_string(size / 512), "-h", "255", "-s", "63", "::"},
                                    context));
  BULKHEAD_RETURN_IF_FAILED(
      RunTool({"mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/bulkhead"}, context));
  for (const auto& [from, to] : {std::pair{config.loader, "::/EFI/BOOT/BOOTX64.EFI"},
                                 {config.bundle, "::/bulkhead/bundle.cpio"},
                                 {command_line, "::/bulkhead/cmdline"}}) {
    BULKHEAD_RETURN_IF_FAILED(RunTool({"mcopy", "-i", image, from, to}, context));
  }
  return absl::OkStatus();
}

absl::Status PrepareFirmware(const NodeMachineConfig& config, const RunContext& context) {
  UniqueFd copy(open(Variables(config).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!copy.valid()) return ErrnoFailure("cannot write " + Variables(config), errno);
  BULKHEAD_RETURN_IF_FAILED(AppendFile(copy.get(), config.firmware_directory + kFirmwareVariables));
  return MakeSystemPartition(config, context);
}

absl::Status MakeSocketPair(UniqueFd* ours, UniqueFd* theirs) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return ErrnoFailure("cannot make a socket", errno);
  }
  ours->reset(fds[0]);
  theirs->reset(fds[1]);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return absl::OkStatus();
}

}  // namespace

uint64_t NodeMemory(uint64_t pod_memory, uint64_t bundle_size, FirmwareKind firmware) {
  uint64_t size = pod_memory + pod_memory / 128 + bundle_size + kFixedMemory;
  if (firmware == FirmwareKind::kUefi) size += kFirmwareMemory;
  return (size + kMiB - 1) / kMiB * kMiB;
}

absl::Status CheckFirmware(const std::string& directory) {
  for (const char* file : {kFirmwareCode, kFirmwareVariables}) {
    if (FileExists(directory + file)) continue;
    return Failure("the UEFI firmware ", directory + file,
                   " is missing; install the package ovmf, or use --firmware direct");
  }
  return absl::OkStatus();
}

std::vector<std::string> QemuArguments(const NodeMachineConfig& config) {
  const bool kvm = config.accelerator == Accelerator::kKvm;
  const std::string channel = std::to_string(kChannelDescriptor);
  const std::string serial = std::to_string(kSerialDescriptor);
  std::vector<std::string> out = {
      config.qemu.empty() ? kQemu : config.qemu, "-machine",
      kvm ? "q35,accel=kvm" : "q35,accel=tcg", "-cpu",
      // Five-level page tables: QEMU 7.2 has them, the hypervisor's tables have four levels.
      kvm ? "host" : "max,la57=off", "-smp", "1", "-m", std::to_string(config.memory / kMiB) + "M",
      "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-chardev",
      "socket,id=com1,fd=" + serial, "-serial", "chardev:com1", "-device",
      "virtio-serial-pci,max_ports=1", "-chardev", "socket,id=node,fd=" + channel, "-device",
      "virtconsole,chardev=node"};
  const auto add = [&](std::initializer_list<std::string> words) { out.insert(out.end(), words); };
  if (config.firmware == FirmwareKind::kUefi) {
    add({"-drive",
         "if=pflash,format=raw,unit=0,readonly=on,file=" +
             Escaped(config.firmware_directory + kFirmwareCode),
         "-drive", "if=pflash,format=raw,unit=1,file=" + Escaped(Variables(config)), "-drive",
         "if=none,id=esp,format=raw,readonly=on,file=" + Escaped(SystemPartition(config)),
         "-device", "virtio-blk-pci,drive=esp,bootindex=0"});
  } else {
    add({"-kernel", config.hypervisor, "-initrd", config.bundle, "-append", config.command_line});
  }
  if (config.gdb) add({"-s", "-S"});
  return out;
}

absl::StatusOr<NodeMachine> StartNode(const NodeMachineConfig& config, const RunContext& context) {
  if (config.firmware == FirmwareKind::kUefi) {
    BULKHEAD_RETURN_IF_FAILED(PrepareFirmware(config, context));
  }
  UniqueFd channel;
  UniqueFd channel_theirs;
  UniqueFd serial;
  UniqueFd serial_theirs;
  BULKHEAD_RETURN_IF_FAILED(MakeSocketPair(&channel, &channel_theirs));
  BULKHEAD_RETURN_IF_FAILED(MakeSocketPair(&serial, &serial_theirs));
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoFailure("cannot make a pipe", errno);
  UniqueFd errors(fds[0]);
  const UniqueFd errors_theirs(fds[1]);
  fcntl(errors.get(), F_SETFL, O_NONBLOCK);

  Command command;
  command.arguments = QemuArguments(config);
  command.environment = {"TMPDIR=" + config.directory};
  command.descriptors = {{channel_theirs.get(), kChannelDescriptor},
                         {serial_theirs.get(), kSerialDescriptor},
                         {errors_theirs.get(), STDERR_FILENO}};
  absl::StatusOr<ChildProcess> process = ChildProcess::Start(command);
  if (absl::IsNotFound(process.status())) {
    return Failure(command.arguments[0], " is not installed; install the package qemu-system-x86");
  }
  if (!process.ok()) return process.status();
  return NodeMachine{*std::move(process), std::move(channel), std::move(serial), std::move(errors)};
}

}  // namespace bulkhead
