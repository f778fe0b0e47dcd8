// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/initramfs/modules.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>

#include "absl/status/status.h"
#include "guest/initramfs/elf_file.h"
#include "guest/initramfs/read_file.h"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// Files are called virtio-rng.ko or virtio_rng.ko; to the kernel both are virtio_rng.
std::string ModuleName(std::string_view text) {
  const size_t slash = text.rfind('/');
  if (slash != std::string_view::npos) text.remove_prefix(slash + 1);
  std::string name(text.substr(0, text.find(".ko")));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class Resolver {
 public:
  absl::Status Index(const std::string& dir) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(dir + "/kernel", error), end; !error && it != end;
         it.increment(error)) {
      const std::string path = it->path().string();
      if (path.find(".ko", path.rfind('/')) != std::string::npos) files_[ModuleName(path)] = path;
    }
    if (error) return absl::NotFoundError("cannot read " + dir + "/kernel: " + error.message());
    const absl::StatusOr<std::string> builtin = ReadWholeFile(dir + "/modules.builtin");
    if (!builtin.ok()) return builtin.status();
    for (const std::string& line : Split(*builtin, '\n')) builtin_.insert(ModuleName(line));
    return absl::OkStatus();
  }

  absl::Status Add(const std::string& wanted) {
    const std::string name = ModuleName(wanted);
    // Seen before, or being visited: the kernel's build refuses circles, so does not matter which.
    if (builtin_.count(name) != 0 || !seen_.insert(name).second) return absl::OkStatus();
    const auto file = files_.find(name);
    if (file == files_.end()) return absl::NotFoundError("the guest kernel has no module " + name);
    if (fs::path(file->second).extension() != ".ko") {
      return absl::UnimplementedError("kernel module " + file->second + " is compressed");
    }
    const absl::StatusOr<std::string> contents = ReadWholeFile(file->second);
    if (!contents.ok()) return contents.status();
    const absl::StatusOr<std::string_view> section = FindElfSection(*contents, ".modinfo");
    if (!section.ok()) {
      return absl::InvalidArgumentError(file->second + ": " +
                                        std::string(section.status().message()));
    }
    const ModuleInfo info = ParseModinfo(*section);
    for (const std::string& other : info.prefers) {
      if (files_.count(ModuleName(other)) == 0) continue;
      if (absl::Status status = Add(other); !status.ok()) return status;
    }
    for (const std::string& other : info.depends) {
      if (absl::Status status = Add(other); !status.ok()) return status;
    }
    order_.push_back(file->second);
    return absl::OkStatus();
  }

  std::vector<std::string> order() && { return std::move(order_); }

 private:
  std::map<std::string, std::string> files_;  // name to path
  std::set<std::string> builtin_;
  std::set<std::string> seen_;
  std::vector<std::string> order_;
};

}  // namespace

ModuleInfo ParseModinfo(std::string_view section) {
  ModuleInfo info;
  for (const std::string& entry : Split(section, '\0')) {
    const std::string_view text = entry;
    const auto value = [&text](std::string_view key) -> std::string_view {
      return text.substr(0, key.size()) == key ? text.substr(key.size()) : std::string_view();
    };
    for (std::string& name : Split(value("depends="), ',')) info.depends.push_back(std::move(name));
    bool before = false;
    for (std::string& word : Split(value("softdep="), ' ')) {
      if (word == "pre:" || word == "post:") {
        before = word == "pre:";
      } else if (before) {
        info.prefers.push_back(std::move(word));
      }
    }
  }
  return info;
}

std::string_view WithoutSignature(std::string_view file) {
  // The module, the signature, 12 bytes about it of which the last four are its length
  // (big-endian), and a marker.
  constexpr std::string_view kMarker = "~Module signature appended~\n";
  constexpr size_t kInfoSize = 12;
  if (file.size() < kMarker.size() + kInfoSize ||
      file.substr(file.size() - kMarker.size()) != kMarker) {
    return file;
  }
  const std::string_view rest = file.substr(0, file.size() - kMarker.size());
  uint32_t length = 0;
  for (const char c : rest.substr(rest.size() - 4)) length = length << 8 | static_cast<uint8_t>(c);
  if (length > rest.size() - kInfoSize) return file;
  return rest.substr(0, rest.size() - kInfoSize - length);
}

absl::StatusOr<std::vector<std::string>> ResolveModules(const std::string& modules_dir,
                                                        const std::vector<std::string>& modules) {
  if (modules.empty()) return std::vector<std::string>();  // everything is built in
  Resolver resolver;
  if (absl::Status status = resolver.Index(modules_dir); !status.ok()) return status;
  for (const std::string& module : modules) {
    if (absl::Status status = resolver.Add(module); !status.ok()) return status;
  }
  return std::move(resolver).order();
}

}  // namespace bulkhead
