// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/initramfs/initramfs.h"

#include <elf.h>

#include <deque>
#include <filesystem>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "guest/initramfs/elf_file.h"
#include "guest/initramfs/modules.h"
#include "guest/initramfs/read_file.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

// Where Debian keeps its libraries: the first directory is the one in which the guest's dynamic
// linker looks first, so all of them are put there.
constexpr const char* kLibraryDirs[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
                                        "/lib", "/usr/lib"};

absl::Status AddProgram(const std::string& path, std::string_view place, CpioWriter* cpio) {
  std::set<std::string> seen;
  std::deque<std::pair<std::string, std::string>> todo = {{path, std::string(place)}};
  while (!todo.empty()) {
    const auto [from, to] = todo.front();
    todo.pop_front();
    const absl::StatusOr<std::string> contents = ReadWholeFile(from);
    if (!contents.ok()) return contents.status();
    const absl::StatusOr<ElfDependencies> needs = ReadElfDependencies(*contents);
    if (!needs.ok()) {
      return absl::InvalidArgumentError(from + ": " + std::string(needs.status().message()));
    }
    cpio->AddFile(to, 0755, *contents);
    // Libraries name the dynamic linker as one of theirs, and libc as its own interpreter: it is
    // wanted once, where the program looks for it.
    if (!needs->interpreter.empty() &&
        seen.insert(fs::path(needs->interpreter).filename().string()).second) {
      todo.emplace_back(needs->interpreter, needs->interpreter.substr(1));
    }
    for (const std::string& name : needs->libraries) {
      if (!seen.insert(name).second) continue;
      std::string found;
      for (const char* const dir : kLibraryDirs) {
        std::error_code error;
        const std::string candidate = std::string(dir) + "/" + name;
        if (found.empty() && fs::is_regular_file(candidate, error)) found = candidate;
      }
      if (found.empty())
        return absl::NotFoundError(absl::StrCat(from, " needs the library ", name));
      todo.emplace_back(found, std::string(kLibraryDirs[0]).substr(1) + "/" + name);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> BuildBaseInitramfs(const InitramfsOptions& options) {
  CpioWriter cpio;
  const absl::StatusOr<std::string> init = ReadWholeFile(options.init);
  if (!init.ok()) return init.status();
  cpio.AddFile("init", 0755, *init);
  for (const char* const dir : {"dev", "new_root", "proc", "run", "sys", "tmp"}) {
    cpio.AddDirectory(dir);
  }
  if (absl::Status status = AddProgram(options.crun, "usr/bin/crun", &cpio); !status.ok()) {
    return status;
  }

  const absl::StatusOr<std::vector<std::string>> modules =
      ResolveModules(options.modules_dir, options.modules);
  if (!modules.ok()) return modules.status();
  std::string order;
  for (const std::string& path : *modules) {
    const absl::StatusOr<std::string> contents = ReadWholeFile(path);
    if (!contents.ok()) return contents.status();
    const std::string place = "lib/modules/" + fs::path(path).filename().string();
    // The kernel takes about 14 million instructions to check each signature. It would show
    // nothing: a module has the same origin as init and everything else in this archive, and the
    // kernel takes it without (it notes a taint, E). See docs of the kernel,
    // admin-guide/module-signing.rst.
    cpio.AddFile(place, 0644, WithoutSignature(*contents));
    order += "/" + place + "\n";
  }
  cpio.AddFile("lib/modules/load-order", 0644, order);
  return std::move(cpio).Finish();
}

std::string BuildPodInitramfs(const PodFiles& files) {
  CpioWriter cpio;
  cpio.AddFile("bulkhead/config.json", 0600, files.config_json);
  cpio.AddFile("bulkhead/hostname", 0644, files.hostname + "\n");
  if (!files.resolv_conf.empty()) {
    cpio.AddFile("bulkhead/resolv.conf", 0644, files.resolv_conf);
  }
  return std::move(cpio).Finish();
}

}  // namespace bulkhead
