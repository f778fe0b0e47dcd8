// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/bochs.h"

#include "absl/strings/str_cat.h"
#include "cli/failure.h"
#include "cli/files.h"
#include "cli/subprocess.h"

namespace bulkhead {
namespace {

constexpr char kBios[] = "/usr/share/bochs/BIOS-bochs-latest";
constexpr char kVideoBios[] = "/usr/share/bochs/VGABIOS-lgpl-latest";

// What is needed, by the package that has it.
struct Part {
  const char* file;
  const char* package;
};
constexpr Part kParts[] = {
    {kBios, "bochsbios"},
    {kVideoBios, "bochs"},
    {"/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so", "bochs-term"},
    {"/usr/lib/grub/i386-pc/multiboot2.mod", "grub-pc-bin"},
};
constexpr Part kPrograms[] = {{"grub-mkimage", "grub-common"}, {"xorriso", "xorriso"}};

// The debugger is Bochs' only way not to start a machine again that resets: it stops where
// processors begin, once they have begun, and quits. The comparison with every CS:RIP costs no time
// that can be measured.
constexpr char kDebuggerScript[] = "vb 0xf000:0xfff0\nc\nq\n";

std::string Configuration(const BochsOptions& options) {
  const uint64_t mib = options.memory >> 20;
  std::string text = absl::StrCat(
      // Makes itself a terminal that nobody looks at.
      "display_library: term\n"
      "plugin_ctrl: unmapped=1, biosdev=1, speaker=0, parallel=0, gameport=0\n"
      "romimage: file=",
      kBios,
      ", options=fastboot\n"
      "vgaromimage: file=",
      kVideoBios,
      "\n"
      "memory: guest=",
      mib, ", host=", mib,
      "\n"
      // A triple fault is the machine's end, not its reset. The machine's time is that of its
      // instructions, 50 million a second, and nothing makes it wait for ours.
      "cpu: model=",
      options.cpu,
      ", count=1, ips=50000000, reset_on_triple_fault=0, "
      "ignore_bad_msrs=1\n"
      "clock: sync=none\n"
      // With this chipset there is ACPI to power it off.
      "pci: enabled=1, chipset=i440fx\n"
      "ata0-master: type=cdrom, path=",
      kBochsCd,
      ", status=inserted\n"
      "boot: cdrom\n"
      "mouse: enabled=0\n"
      "panic: action=fatal\n"
      "error: action=report\n"
      "info: action=ignore\n"
      "debug: action=ignore\n"
      "com1: enabled=1, mode=file, dev=/dev/fd/",
      options.serial_descriptor, "\n");
  if (options.channel_port != 0) {
    absl::StrAppend(
        &text, "com2: enabled=1, mode=socket-client, dev=127.0.0.1:", options.channel_port, "\n");
  }
  return text;
}

}  // namespace

absl::Status CheckBochsInstalled(const std::string& program) {
  const auto missing = [](const std::string& what, const char* package) {
    return Failure(what, " is not installed; install the package ", package,
                   ", or use --machine qemu");
  };
  if (FindProgram(program).empty()) return missing(program, "bochs");
  for (const Part& part : kPrograms) {
    if (FindProgram(part.file).empty()) return missing(part.file, part.package);
  }
  for (const Part& part : kParts) {
    if (!FileExists(part.file)) return missing(part.file, part.package);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> PrepareBochs(const BochsOptions& options) {
  const std::string configuration = options.directory + "/bochsrc";
  const std::string script = options.directory + "/debugger";
  BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(configuration, Configuration(options)));
  BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(script, kDebuggerScript));
  return std::vector<std::string>{options.program, "-q", "-f", "bochsrc", "-rc", "debugger"};
}

}  // namespace bulkhead
