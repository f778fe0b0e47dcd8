// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/initramfs/initramfs.h"

#include <elf.h>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "guest/initramfs/elf_file.h"
#include "guest/initramfs/modules.h"
#include "guest/initramfs/read_file.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

constexpr char kCrun[] = "/usr/bin/crun";

// Where Debian keeps the libraries of a machine (EM_...): the first directory is the one in which
// the guest's dynamic linker looks first, so all of them are put there.
absl::StatusOr<std::vector<std::string>> LibraryDirs(uint16_t machine) {
  const char* tuple = nullptr;
  if (machine == EM_X86_64) tuple = "x86_64-linux-gnu";
  if (machine == EM_AARCH64) tuple = "aarch64-linux-gnu";
  if (tuple == nullptr) {
    return absl::InvalidArgumentError("there are no guests of ELF machine " +
                                      std::to_string(machine));
  }
  return std::vector<std::string>{absl::StrCat("/lib/", tuple), absl::StrCat("/usr/lib/", tuple),
                                  "/lib", "/usr/lib"};
}

// A program or library to be added.
struct Item {
  std::string from;  // below the root of programs
  std::string place;
};

// Adds a program and the libraries that it needs, all from the file tree at `root`.
class ProgramAdder {
 public:
  ProgramAdder(std::string root, CpioWriter* cpio) : root_(std::move(root)), cpio_(cpio) {}

  absl::Status Add(const std::string& path) {
    todo_.push_back({path, path.substr(1)});
    while (!todo_.empty()) {
      const Item item = todo_.front();
      todo_.pop_front();
      if (absl::Status status = AddItem(item); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status AddItem(const Item& item) {
    const std::string from = root_ + item.from;
    const absl::StatusOr<std::string> contents = ReadWholeFile(from);
    if (!contents.ok()) return contents.status();
    const absl::StatusOr<ElfDependencies> needs = ReadElfDependencies(*contents);
    if (!needs.ok()) {
      return absl::InvalidArgumentError(from + ": " + std::string(needs.status().message()));
    }
    if (absl::Status status = CheckMachine(from, needs->machine); !status.ok()) return status;
    cpio_->AddFile(item.place, 0755, *contents);
    // Libraries name the dynamic linker as one of theirs, and libc as its own interpreter: it is
    // wanted once, where the program looks for it.
    if (!needs->interpreter.empty() &&
        seen_.insert(fs::path(needs->interpreter).filename().string()).second) {
      todo_.push_back({needs->interpreter, needs->interpreter.substr(1)});
    }
    for (const std::string& name : needs->libraries) {
      if (!seen_.insert(name).second) continue;
      const std::string found = FindLibrary(name);
      if (found.empty()) {
        return absl::NotFoundError(absl::StrCat(from, " needs the library ", name));
      }
      todo_.push_back({found, library_dirs_[0].substr(1) + "/" + name});
    }
    return absl::OkStatus();
  }

  // The first file says what machine they are all for.
  absl::Status CheckMachine(const std::string& from, uint16_t machine) {
    if (!library_dirs_.empty()) {
      return machine == machine_
                 ? absl::OkStatus()
                 : absl::InvalidArgumentError(from + " is for another machine than what needs it");
    }
    absl::StatusOr<std::vector<std::string>> dirs = LibraryDirs(machine);
    if (!dirs.ok()) return dirs.status();
    library_dirs_ = *std::move(dirs);
    machine_ = machine;
    return absl::OkStatus();
  }

  // Its path below the root; empty: it is not there.
  std::string FindLibrary(const std::string& name) const {
    for (const std::string& dir : library_dirs_) {
      std::error_code error;
      if (fs::is_regular_file(root_ + dir + "/" + name, error)) return dir + "/" + name;
    }
    return "";
  }

  const std::string root_;
  CpioWriter* const cpio_;
  std::set<std::string> seen_;
  std::deque<Item> todo_;
  std::vector<std::string> library_dirs_;  // empty: nothing has been added
  uint16_t machine_ = 0;
};

}  // namespace

absl::StatusOr<std::string> BuildBaseInitramfs(const InitramfsOptions& options) {
  CpioWriter cpio;
  const absl::StatusOr<std::string> init = ReadWholeFile(options.init);
  if (!init.ok()) return init.status();
  cpio.AddFile("init", 0755, *init);
  for (const char* const dir : {"dev", "new_root", "proc", "run", "sys", "tmp"}) {
    cpio.AddDirectory(dir);
  }
  if (absl::Status status = ProgramAdder(options.programs, &cpio).Add(kCrun); !status.ok()) {
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
  cpio.AddFile("bulkhead/pod", 0600, FormatPodSpec(files.spec));
  for (size_t i = 0; i < files.configs.size(); ++i) {
    cpio.AddFile(absl::StrCat("bulkhead/containers/", i, "/config.json"), 0600, files.configs[i]);
  }
  cpio.AddFile("bulkhead/hostname", 0644, files.hostname + "\n");
  if (!files.resolv_conf.empty()) {
    cpio.AddFile("bulkhead/resolv.conf", 0644, files.resolv_conf);
  }
  return std::move(cpio).Finish();
}

}  // namespace bulkhead
