// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "boot/multiboot2/grub_iso.h"

#include <algorithm>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

// What the script below uses, and the file system it reads from.
constexpr const char* kModules[] = {"biosdisk", "boot",   "iso9660", "multiboot2",
                                    "reboot",   "serial", "terminal"};

// GRUB escapes these on the way to the hypervisor, which would see them escaped.
bool IsPlain(char c) { return c >= ' ' && c <= '~' && c != '\'' && c != '"' && c != '\\'; }

// Runs before GRUB looks for anything on the disk: no menu, nothing to wait for.
std::string Script(const GrubIso& iso) {
  std::string script =
      "serial --unit=0 --speed=115200\n"
      "terminal_output serial\n"
      "set root=cd\n"
      "multiboot2 /hypervisor";
  // In quotes, or GRUB would take some words for its own syntax; one by one, or it would pass the
  // quotes on.
  for (const auto word : absl::StrSplit(iso.command_line, ' ', absl::SkipEmpty())) {
    absl::StrAppend(&script, " '", word, "'");
  }
  absl::StrAppend(&script, "\n");
  if (!iso.bundle.empty()) absl::StrAppend(&script, "module2 /bundle.cpio\n");
  return script + "boot\nreboot\n";
}

absl::Status RunTool(const std::vector<std::string>& arguments, const char* package,
                     const RunContext& context) {
  Command command;
  command.arguments = arguments;
  // For xorriso: no time of making in the image.
  command.environment = {"SOURCE_DATE_EPOCH=0"};
  const absl::StatusOr<CommandResult> result = RunCommand(command, context);
  if (absl::IsNotFound(result.status())) {
    return Failure(arguments[0], " is not installed; install the package ", package);
  }
  if (!result.ok()) return result.status();
  if (!result->ok()) return Failure(arguments[0], " failed: ", Printable(result->errors));
  return absl::OkStatus();
}

// "where it shall be=where it is", xorriso's graft point.
std::string Graft(const std::string& target, const std::string& source) {
  return absl::StrCat(target, "=", absl::StrReplaceAll(source, {{"\\", "\\\\"}, {"=", "\\="}}));
}

}  // namespace

absl::Status MakeGrubIso(const GrubIso& iso, const std::string& path, const RunContext& context) {
  if (!std::all_of(iso.command_line.begin(), iso.command_line.end(), IsPlain)) {
    return Failure("GRUB cannot pass on quotes, backslashes or control characters");
  }
  BULKHEAD_ASSIGN_OR_RETURN(const TempDir work, TempDir::Create());
  const std::string script = work.path() + "/grub.cfg";
  const std::string image = work.path() + "/eltorito.img";
  BULKHEAD_RETURN_IF_FAILED(WriteFileAtomically(script, Script(iso)));

  std::vector<std::string> make_image = {
      "grub-mkimage", "-O", "i386-pc-eltorito", "-o", image, "-c", script, "-p", "/boot"};
  make_image.insert(make_image.end(), std::begin(kModules), std::end(kModules));
  BULKHEAD_RETURN_IF_FAILED(RunTool(make_image, "grub-pc-bin", context));

  // El Torito without emulation: the BIOS loads four sectors, which load the rest by the table that
  // is put into them.
  std::vector<std::string> make_iso = {"xorriso",
                                       "-as",
                                       "mkisofs",
                                       "-quiet",
                                       "-follow-links",
                                       "-rational-rock",
                                       "-iso-level",
                                       "3",
                                       "--set_all_file_dates",
                                       "1980010100000000",
                                       "-output",
                                       path,
                                       "-eltorito-boot",
                                       "boot/eltorito.img",
                                       "-no-emul-boot",
                                       "-boot-load-size",
                                       "4",
                                       "-boot-info-table",
                                       "-graft-points",
                                       Graft("boot/eltorito.img", image),
                                       Graft("hypervisor", iso.hypervisor)};
  if (!iso.bundle.empty()) make_iso.push_back(Graft("bundle.cpio", iso.bundle));
  return RunTool(make_iso, "xorriso", context);
}

}  // namespace bulkhead
