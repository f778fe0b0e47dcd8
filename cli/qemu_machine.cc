// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/qemu_machine.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::string SystemPartition(const NodeMachineConfig& config) {
  return config.directory + "/esp.img";
}

std::string Variables(const NodeMachineConfig& config) {
  return config.directory + "/firmware-variables.fd";
}

std::string FirmwareFile(const NodeMachineConfig& config, const char* FirmwareFacts::* file) {
  return config.firmware_directory + "/" + Facts(config.arch).firmware.*file;
}

// QEMU's option syntax: a comma in a value is doubled.
std::string Escaped(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == ',' ? ",," : std::string(1, c);
  return out;
}

std::string NodeCommandLine(const NodeMachineConfig& config) {
  return config.com2 ? absl::StrCat(kChannelOverCom2, " ", config.command_line)
                     : config.command_line;
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
  BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(command_line, NodeCommandLine(config)));
  BULKHEAD_RETURN_IF_FAILED(RunTool({"mformat", "-C", "-F", "-i", image, "-T",
                                     std::to_string(size / 512), "-h", "255", "-s", "63", "::"},
                                    context));
  BULKHEAD_RETURN_IF_FAILED(
      RunTool({"mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/bulkhead"}, context));
  const std::string boot_file = std::string("::/EFI/BOOT/") + Facts(config.arch).firmware.boot_file;
  for (const auto& [from, to] : {std::pair{config.loader, boot_file},
                                 {config.bundle, std::string("::/bulkhead/bundle.cpio")},
                                 {command_line, std::string("::/bulkhead/cmdline")}}) {
    BULKHEAD_RETURN_IF_FAILED(RunTool({"mcopy", "-i", image, from, to}, context));
  }
  return absl::OkStatus();
}

absl::Status PrepareFirmware(const NodeMachineConfig& config, const RunContext& context) {
  UniqueFd copy(open(Variables(config).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!copy.valid()) return ErrnoFailure("cannot write " + Variables(config), errno);
  BULKHEAD_RETURN_IF_FAILED(
      AppendFile(copy.get(), FirmwareFile(config, &FirmwareFacts::variables)));
  return MakeSystemPartition(config, context);
}

// The machine and its CPU.
std::vector<std::string> MachineArguments(const NodeMachineConfig& config) {
  if (config.arch == Architecture::kAarch64) {
    // EL2, which has VHE with this CPU, and the interrupt controller that the hypervisor drives.
    return {"-machine", "virt,virtualization=on,gic-version=3,accel=tcg", "-cpu", "neoverse-n1"};
  }
  const bool kvm = config.accelerator == Accelerator::kKvm;
  // Five-level page tables: QEMU 7.2 has them, the hypervisor's tables have four levels.
  if (kvm) return {"-machine", "q35,accel=kvm", "-cpu", "host"};
  if (config.cpus == 1) return {"-machine", "q35,accel=tcg", "-cpu", "max,la57=off"};
  // With a thread for each processor QEMU 7.2 has been seen to enter a guest with its host's
  // registers; with one thread for all of them it has not.
  return {"-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "max,la57=off"};
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

absl::Status CheckFirmware(const NodeMachineConfig& config) {
  for (const auto file : {&FirmwareFacts::code, &FirmwareFacts::variables}) {
    const std::string path = FirmwareFile(config, file);
    if (FileExists(path)) continue;
    return Failure("the UEFI firmware ", path, " is missing; install the package ",
                   Facts(config.arch).firmware.package, ", or use --firmware direct");
  }
  return absl::OkStatus();
}

absl::Status NoQemu(const NodeMachineConfig& config) {
  return Failure(config.program, " is not installed; install the package ",
                 Facts(config.arch).qemu_package);
}

}  // namespace

absl::Status CheckQemu(const NodeMachineConfig& config) {
  if (FindProgram(config.program).empty()) return NoQemu(config);
  return config.firmware == FirmwareKind::kUefi ? CheckFirmware(config) : absl::OkStatus();
}

std::vector<std::string> QemuArguments(const NodeMachineConfig& config) {
  const std::string channel = std::to_string(kChannelDescriptor);
  const std::string serial = std::to_string(kSerialDescriptor);
  std::vector<std::string> out = {config.program};
  const auto add = [&](const std::vector<std::string>& words) {
    out.insert(out.end(), words.begin(), words.end());
  };
  add(MachineArguments(config));
  add({"-smp", std::to_string(config.cpus), "-m", std::to_string(config.memory / kMiB) + "M",
       "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-chardev",
       "socket,id=com1,fd=" + serial, "-serial", "chardev:com1", "-chardev",
       "socket,id=node,fd=" + channel});
  if (config.com2) {
    add({"-serial", "chardev:node"});
  } else {
    add({"-device", "virtio-serial-pci,max_ports=1", "-device", "virtconsole,chardev=node"});
  }
  if (config.firmware == FirmwareKind::kUefi) {
    add({"-drive",
         "if=pflash,format=raw,unit=0,readonly=on,file=" +
             Escaped(FirmwareFile(config, &FirmwareFacts::code)),
         "-drive", "if=pflash,format=raw,unit=1,file=" + Escaped(Variables(config)), "-drive",
         "if=none,id=esp,format=raw,readonly=on,file=" + Escaped(SystemPartition(config)),
         "-device", "virtio-blk-pci,drive=esp,bootindex=0",
         // AAVMF would wait five seconds for a key.
         "-boot", "menu=on,splash-time=0"});
  } else {
    add({"-kernel", config.boot_image, "-initrd", config.bundle, "-append",
         NodeCommandLine(config)});
  }
  if (config.gdb) add({"-s", "-S"});
  return out;
}

absl::StatusOr<NodeMachine> StartQemu(const NodeMachineConfig& config, const RunContext& context) {
  if (config.firmware == FirmwareKind::kUefi) {
    BULKHEAD_RETURN_IF_FAILED(PrepareFirmware(config, context));
  }
  UniqueFd channel;
  UniqueFd channel_theirs;
  UniqueFd serial;
  UniqueFd serial_theirs;
  BULKHEAD_RETURN_IF_FAILED(MakeSocketPair(&channel, &channel_theirs));
  BULKHEAD_RETURN_IF_FAILED(MakeSocketPair(&serial, &serial_theirs));
  BULKHEAD_ASSIGN_OR_RETURN(MachineOutput errors, MakeOutputPipe());

  Command command;
  command.arguments = QemuArguments(config);
  command.environment = {"TMPDIR=" + config.directory};
  command.descriptors = {{channel_theirs.get(), kChannelDescriptor},
                         {serial_theirs.get(), kSerialDescriptor},
                         {errors.theirs.get(), STDERR_FILENO}};
  command.new_session = true;
  absl::StatusOr<ChildProcess> process = ChildProcess::Start(command);
  if (absl::IsNotFound(process.status())) {
    return NoQemu(config);
  }
  if (!process.ok()) return process.status();
  return NodeMachine{.process = *std::move(process),
                     .channel = std::move(channel),
                     .serial = std::move(serial),
                     .errors = std::move(errors.ours)};
}

}  // namespace bulkhead
