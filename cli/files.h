// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_FILES_H_
#define BULKHEAD_CLI_FILES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

namespace bulkhead {

bool FileExists(const std::string& path);

// Fails when the file has more than `limit` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit);

// Readers see the old contents or the new, never a part: written beside `path`, then renamed.
absl::Status WriteFileAtomically(const std::string& path, const std::string& contents);

absl::Status WriteAll(int fd, const void* data, size_t size, const std::string& what);

// Appends all of `source` to `fd` at its offset, sharing blocks where the file system can.
absl::Status AppendFile(int fd, const std::string& source);

// Like mkdir -p, mode 0700 for what is made.
absl::Status MakeDirectories(const std::string& path);

// Removes a tree without ever following a symbolic link; what cannot be removed stays.
void RemoveTree(const std::string& path);
void RemoveTreeAt(int parent, const char* name);  // relative to a directory's descriptor

// ${TMPDIR:-/tmp}
std::string TemporaryRoot();
// ${BULKHEAD_CACHE:-${XDG_CACHE_HOME:-~/.cache}/bulkhead}
std::string CacheRoot();

// Removes from `parent` the TempDirs of processes that were killed before they could.
void RemoveStaleTempDirs(const std::string& parent);

// A directory of our own (mode 0700), removed with everything in it. Locked while it is in use.
class TempDir {
 public:
  static absl::StatusOr<TempDir> Create(const std::string& parent = TemporaryRoot());
  TempDir(TempDir&& other) noexcept
      : path_(std::exchange(other.path_, "")), lock_(std::move(other.lock_)) {}
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();

  const std::string& path() const { return path_; }

 private:
  TempDir(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  UniqueFd lock_;
};

// A whole file, mapped read-only.
class MappedFile {
 public:
  static absl::StatusOr<MappedFile> Open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  MappedFile(void* data, size_t size) : data_(data), size_(size) {}
  void* data_;
  size_t size_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_FILES_H_
