// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_options.h"

#include <optional>

#include "cli/failure.h"

namespace bulkhead {

void NodeOptionParser::AddTo(CLI::App* command, NodeOptions* options) {
  options_ = options;
  arch_ = OciName(options->arch);
  command
      ->add_option("--arch", arch_,
                   "Architecture of pods and node: amd64 (x86_64, default), arm64 (aarch64)")
      ->type_name("ARCH");
  command
      ->add_option("--kernel", options->kernel,
                   "Guest kernel: a bzImage or an ELF file for amd64, an Image for arm64")
      ->type_name("FILE");
  command
      ->add_option("--machine", machine_,
                   "What the node runs in: qemu (default), or bochs, which has VT-x; amd64 only")
      ->type_name("MACHINE");
  firmware_option_ =
      command->add_option("--firmware", firmware_, "How the node boots: direct (default) or uefi")
          ->type_name("KIND");
  command->add_flag("--verbose", options->verbose,
                    "Show the node's and the kernel's log on stderr");
  command->add_flag("-q,--quiet", options->quiet, "Do not show progress");
  command->add_flag("--trace", options->trace,
                    "Show the hypervisor's trace of exits and calls at the end");
  command->add_flag("--gdb", options->gdb, "Start stopped, with QEMU's gdb stub on port 1234");
  command->add_option("--emulator", options->emulator)->group("");
  command->add_option("--bochs-cpu", options->bochs_cpu)->group("");
  command->add_flag("--com2", options->com2)->group("");
  command->add_option("--firmware-directory", options->firmware_directory)->group("");
}

absl::Status NodeOptionParser::Finish() {
  const std::optional<Architecture> architecture = ParseArchitecture(arch_);
  if (!architecture.has_value()) {
    return Failure("--arch ", Printable(arch_), " is not supported; pods are amd64 or arm64");
  }
  options_->arch = *architecture;
  if (firmware_ == "uefi") {
    options_->firmware = FirmwareKind::kUefi;
  } else if (firmware_ != "direct") {
    return Failure("there is no firmware '", Printable(firmware_), "'; use direct or uefi");
  }
  if (machine_ == "bochs") {
    options_->machine = MachineKind::kBochs;
    BULKHEAD_RETURN_IF_FAILED(CheckBochs());
  } else if (machine_ != "qemu") {
    return Failure("there is no machine '", Printable(machine_), "'; use qemu or bochs");
  }
  if (options_->quiet && options_->verbose) {
    return Failure("--quiet and --verbose contradict each other; give one of them");
  }
  return absl::OkStatus();
}

// What the other machine cannot do is refused by name.
absl::Status NodeOptionParser::CheckBochs() const {
  const auto refused = [](const char* option, const char* why) {
    return Failure(option, " does not go with --machine bochs, ", why, "; leave one of them out");
  };
  if (options_->arch != Architecture::kX86_64) return refused("--arch arm64", "which is a PC");
  if (firmware_option_->count() > 0) {
    return refused("--firmware", "which boots a CD by its own BIOS");
  }
  if (options_->gdb) return refused("--gdb", "whose debugger is another");
  return absl::OkStatus();
}

absl::Status UsageFailure(const std::string& what, const std::string& command) {
  return Failure(Printable(what), "; see 'bulkhead ", command, command.empty() ? "" : " ",
                 "--help'");
}

}  // namespace bulkhead
