// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/qemu.h"

#include <unistd.h>

namespace bulkhead {
namespace {

const char* DefaultMachine(Architecture architecture) {
  return architecture == Architecture::kX86_64 ? "q35" : "virt,virtualization=on,gic-version=3";
}

const char* DefaultCpu(Architecture architecture) {
  return architecture == Architecture::kX86_64 ? "max,la57=off" : "neoverse-n1";
}

std::vector<std::string> MakeArguments(const QemuOptions& options) {
  const auto either = [](const std::string& given, const char* otherwise) {
    return given.empty() ? std::string(otherwise) : given;
  };
  std::vector<std::string> arguments = {
      either(options.program, Facts(options.architecture).qemu),
      "-M",
      either(options.machine, DefaultMachine(options.architecture)),
      "-cpu",
      either(options.cpu, DefaultCpu(options.architecture)),
      "-accel",
      options.accelerator,
      "-m",
      std::to_string(options.memory_mib),
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-no-reboot",
      "-serial",
      "stdio",
  };
  const auto add = [&arguments](const std::string& option, const std::string& value) {
    arguments.push_back(option);
    arguments.push_back(value);
  };
  if (!options.kernel.empty()) add("-kernel", options.kernel);
  if (!options.initrd.empty()) add("-initrd", options.initrd);
  if (!options.append.empty()) add("-append", options.append);
  if (!options.esp.empty()) {
    const FirmwareFacts& firmware = Facts(options.architecture).firmware;
    const std::string flash = "if=pflash,format=raw,";
    const std::string directory = std::string(firmware.directory) + "/";
    add("-drive", flash + "unit=0,readonly=on,file=" + directory + firmware.code);
    // What the firmware writes goes to a temporary file.
    add("-drive", flash + "unit=1,snapshot=on,file=" + directory + firmware.variables);
    add("-drive", "if=none,id=esp,format=raw,readonly=on,file=fat:" + options.esp);
    add("-device", "virtio-blk-pci,drive=esp");
    // A menu that nobody waits for: without it, AAVMF waits five seconds for a key.
    add("-boot", "menu=on,splash-time=0");
  }
  if (!options.cd.empty()) {
    add("-cdrom", options.cd);
    add("-boot", "d");
  }
  arguments.insert(arguments.end(), options.extra.begin(), options.extra.end());
  return arguments;
}

}  // namespace

std::string EfiBootFile(Architecture architecture) {
  return std::string("EFI/BOOT/") + Facts(architecture).firmware.boot_file;
}

QemuMachine::QemuMachine(const QemuOptions& options) : MachineProcess("QEMU") {
  Start(MakeArguments(options), STDOUT_FILENO);
}

}  // namespace bulkhead
