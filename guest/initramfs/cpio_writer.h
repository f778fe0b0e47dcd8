// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INITRAMFS_CPIO_WRITER_H_
#define BULKHEAD_GUEST_INITRAMFS_CPIO_WRITER_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace bulkhead {

// Writes a cpio "newc" archive as the kernel's initramfs has it (Linux,
// Documentation/driver-api/early-userspace/buffer-format.rst). Everything belongs to root and has
// no time: the same contents give the same bytes.
class CpioWriter {
 public:
  // Paths have no leading slash. Parent directories are added (mode 0755) when they are not there.
  void AddFile(std::string_view path, uint32_t permissions, std::string_view contents);
  void AddDirectory(std::string_view path);
  void AddSymlink(std::string_view path, std::string_view target);
  void AddCharacterDevice(std::string_view path, uint32_t permissions, uint32_t major,
                          uint32_t minor);

  // Ends the archive, padded to a multiple of 512 bytes so that another may follow.
  std::string Finish() &&;

 private:
  void AddParents(std::string_view path);
  void AddEntry(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor,
                std::string_view contents);
  void Pad(size_t alignment);

  std::string out_;
  std::set<std::string, std::less<>> directories_;
  uint32_t inode_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INITRAMFS_CPIO_WRITER_H_
