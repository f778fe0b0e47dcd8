// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INITRAMFS_READ_FILE_H_
#define BULKHEAD_GUEST_INITRAMFS_READ_FILE_H_

#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bulkhead {

inline absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = in.tellg();
  if (!in || size < 0) return absl::NotFoundError("cannot read " + path);
  std::string contents(static_cast<size_t>(size), '\0');
  in.seekg(0);
  in.read(contents.data(), size);
  if (!in) return absl::NotFoundError("cannot read " + path);
  return contents;
}

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INITRAMFS_READ_FILE_H_
