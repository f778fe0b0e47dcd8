// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/initramfs/cpio_writer.h"

#include <sys/stat.h>

#include <cstdio>
#include <utility>

namespace bulkhead {

void CpioWriter::Pad(size_t alignment) {
  out_.append((alignment - out_.size() % alignment) % alignment, '\0');
}

void CpioWriter::AddEntry(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor,
                          std::string_view contents) {
  const uint32_t links = S_ISDIR(mode) ? 2 : 1;
  const uint32_t fields[] = {++inode_,
                             mode,
                             0,  // owner
                             0,  // group
                             links,
                             0,  // time
                             static_cast<uint32_t>(contents.size()),
                             0,  // device of the file system
                             0,
                             major,
                             minor,
                             static_cast<uint32_t>(path.size() + 1),
                             0};  // checksum, not used by newc
  out_ += "070701";
  for (const uint32_t field : fields) {
    char hex[9];
    std::snprintf(hex, sizeof(hex), "%08x", field);
    out_ += hex;
  }
  out_ += path;
  out_.push_back('\0');
  Pad(4);
  out_ += contents;
  Pad(4);
}

void CpioWriter::AddParents(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) AddDirectory(path.substr(0, slash));
}

void CpioWriter::AddDirectory(std::string_view path) {
  if (directories_.find(path) != directories_.end()) return;
  AddParents(path);
  directories_.emplace(path);
  AddEntry(path, S_IFDIR | 0755, 0, 0, "");
}

void CpioWriter::AddFile(std::string_view path, uint32_t permissions, std::string_view contents) {
  AddParents(path);
  AddEntry(path, S_IFREG | permissions, 0, 0, contents);
}

void CpioWriter::AddSymlink(std::string_view path, std::string_view target) {
  AddParents(path);
  AddEntry(path, S_IFLNK | 0777, 0, 0, target);
}

void CpioWriter::AddCharacterDevice(std::string_view path, uint32_t permissions, uint32_t major,
                                    uint32_t minor) {
  AddParents(path);
  AddEntry(path, S_IFCHR | permissions, major, minor, "");
}

std::string CpioWriter::Finish() && {
  AddEntry("TRAILER!!!", 0, 0, 0, "");
  Pad(512);
  return std::move(out_);
}

}  // namespace bulkhead
