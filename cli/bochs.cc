// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/bochs.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
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
    {kVideoBios, "vgabios"},
    {"/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so", "bochs-term"},
    {"/usr/lib/grub/i386-pc/multiboot2.mod", "grub-pc-bin"},
};
constexpr Part kPrograms[] = {{"grub-mkimage", "grub-common"}, {"xorriso", "xorriso"}};

// The debugger is Bochs' only way not to start a machine again that resets: it stops where
// processors begin, once they have begun, and quits. The comparison with every CS:RIP costs no time
// that can be measured.
constexpr char kDebuggerScript[] = "vb 0xf000:0xfff0\nc\nq\n";

// The terminal it makes itself, and nobody looks at it. The machine's time is that of its
// instructions, 50 million a second, and nothing makes it wait for ours. A triple fault is its end.
// With this chipset there is ACPI to power it off.
constexpr char kConfiguration[] = R"(display_library: term
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, parallel=0, gameport=0
romimage: file=$0, options=fastboot
vgaromimage: file=$1
memory: guest=$2, host=$2
cpu: model=$3, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none
pci: enabled=1, chipset=i440fx
ata0-master: type=cdrom, path=$4, status=inserted
boot: cdrom
mouse: enabled=0
panic: action=fatal
error: action=$5
info: action=ignore
debug: action=ignore
com1: enabled=1, mode=file, dev=/dev/fd/$6
)";

std::string Configuration(const BochsOptions& options) {
  std::string text = absl::Substitute(
      kConfiguration, kBios, kVideoBios, options.memory >> 20, options.cpu, kBochsCd,
      options.log_errors ? "report" : "ignore", options.serial_descriptor);
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
