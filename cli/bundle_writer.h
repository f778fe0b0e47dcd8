// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_BUNDLE_WRITER_H_
#define BULKHEAD_CLI_BUNDLE_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

namespace bulkhead {

// Writes a boot bundle (boot/bundle.h: cpio newc) to a file, piece by piece: nothing large is held
// in memory. The data of every entry starts on a page, so that it can be mapped where it lies.
class BundleFileWriter {
 public:
  static absl::StatusOr<BundleFileWriter> Create(const std::string& path);

  absl::Status AddBytes(const std::string& name, const std::string& data);
  absl::Status AddFile(const std::string& name, const std::string& source);
  // Writes the trailer; once, at the end.
  absl::Status Finish();

  uint64_t size() const { return offset_; }  // bytes so far

 private:
  BundleFileWriter(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  absl::Status AddHeader(const std::string& name, uint32_t mode, uint64_t size, uint64_t alignment);
  absl::Status Write(const std::string& bytes);
  absl::Status Pad();

  UniqueFd fd_;
  std::string path_;
  uint64_t offset_ = 0;
  uint32_t inode_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_BUNDLE_WRITER_H_
