// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_TESTING_BUNDLE_WRITER_H_
#define BULKHEAD_BOOT_TESTING_BUNDLE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace bulkhead {

// Makes cpio archives for tests, good ones and, by editing what bytes() returns, bad ones.
class BundleWriter {
 public:
  // Adds a file; `alignment` is that of its data in the archive, a power of two of at least 4.
  BundleWriter& Add(std::string_view name, std::string_view data, uint32_t mode = 0100644,
                    size_t alignment = 4) {
    const size_t data_at =
        (bytes_.size() + kHeaderSize + name.size() + 1 + alignment - 1) / alignment * alignment;
    const size_t field = data_at - bytes_.size() - kHeaderSize;
    AppendHeader(mode, data.size(), alignment == 4 ? name.size() + 1 : field);
    bytes_.append(name);
    bytes_.resize(data_at, '\0');
    bytes_.append(data);
    bytes_.resize((bytes_.size() + 3) / 4 * 4, '\0');
    return *this;
  }

  std::string Finish() {
    Add("TRAILER!!!", "", 0);
    return bytes_;
  }

  const std::string& bytes() const { return bytes_; }

 private:
  static constexpr size_t kHeaderSize = 110;

  void AppendHeader(uint32_t mode, size_t data_size, size_t name_size) {
    char header[kHeaderSize + 1];
    std::snprintf(header, sizeof(header),
                  "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ++inode_, mode, 0,
                  0, 1, 0, data_size, 0, 0, 0, 0, name_size, 0);
    bytes_.append(header, kHeaderSize);
  }

  std::string bytes_;
  unsigned inode_ = 0;
};

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace bulkhead

#endif  // BULKHEAD_BOOT_TESTING_BUNDLE_WRITER_H_
