// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/bundle_writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <limits>

#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

constexpr uint64_t kHeaderSize = 110;  // cpio(5), "New ASCII Format"
constexpr uint64_t kPage = 4096;
constexpr uint32_t kRegularFile = 0100644;
constexpr char kTrailer[] = "TRAILER!!!";

uint64_t RoundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

absl::StatusOr<BundleFileWriter> BundleFileWriter::Create(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return ErrnoFailure(absl::StrCat("cannot write ", path), errno);
  return BundleFileWriter(std::move(fd), path);
}

absl::Status BundleFileWriter::Write(const std::string& bytes) {
  offset_ += bytes.size();
  return WriteAll(fd_.get(), bytes.data(), bytes.size(), path_);
}

absl::Status BundleFileWriter::Pad() {
  return Write(std::string(RoundUp(offset_, 4) - offset_, '\0'));
}

absl::Status BundleFileWriter::AddHeader(const std::string& name, uint32_t mode, uint64_t size,
                                         uint64_t alignment) {
  if (size > std::numeric_limits<uint32_t>::max()) {
    return Failure(Printable(name), " has ", size,
                   " bytes, more than the 4 GiB that fit a node's bundle; use a smaller image");
  }
  const uint64_t data = RoundUp(offset_ + kHeaderSize + name.size() + 1, alignment);
  // With page alignment all of the padding is the name's; with 4 it is the format's own.
  const uint64_t name_size = alignment == 4 ? name.size() + 1 : data - offset_ - kHeaderSize;
  char header[kHeaderSize + 1];
  std::snprintf(header, sizeof(header),
                "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++inode_, mode, 0u,
                0u, 1u, 0u, static_cast<unsigned>(size), 0u, 0u, 0u, 0u,
                static_cast<unsigned>(name_size), 0u);
  const std::string field = name + std::string(data - offset_ - kHeaderSize - name.size(), '\0');
  return Write(std::string(header, kHeaderSize) + field);
}

absl::Status BundleFileWriter::AddBytes(const std::string& name, const std::string& data) {
  BULKHEAD_RETURN_IF_FAILED(AddHeader(name, kRegularFile, data.size(), kPage));
  BULKHEAD_RETURN_IF_FAILED(Write(data));
  return Pad();
}

absl::Status BundleFileWriter::AddFile(const std::string& name, const std::string& source) {
  struct stat info;
  if (stat(source.c_str(), &info) != 0) {
    return ErrnoFailure(absl::StrCat("cannot open ", source), errno);
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  BULKHEAD_RETURN_IF_FAILED(AddHeader(name, kRegularFile, size, kPage));
  BULKHEAD_RETURN_IF_FAILED(AppendFile(fd_.get(), source));
  offset_ += size;
  if (lseek(fd_.get(), 0, SEEK_CUR) != static_cast<off_t>(offset_)) {
    return Failure(source, " has changed while it was read; run again");
  }
  return Pad();
}

absl::Status BundleFileWriter::Finish() {
  BULKHEAD_RETURN_IF_FAILED(AddHeader(kTrailer, 0, 0, 4));
  return Pad();
}

}  // namespace bulkhead
