// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr char kTempPrefix[] = "bulkhead-run-";  // of ours and nothing else

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

bool FileExists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoFailure(absl::StrCat("cannot open ", path), errno);
  std::string out;
  char chunk[16384];
  for (;;) {
    const ssize_t n = read(fd.get(), chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoFailure(absl::StrCat("cannot read ", path), errno);
    if (n == 0) return out;
    if (static_cast<size_t>(n) > limit - out.size()) return Failure(path, " is too large");
    out.append(chunk, static_cast<size_t>(n));
  }
}

absl::Status WriteAll(int fd, const void* data, size_t size, const std::string& what) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoFailure(absl::StrCat("cannot write ", what), errno);
    at += n;
    size -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::string& path, const std::string& contents) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoFailure(absl::StrCat("cannot write ", path), errno);
  absl::Status status = WriteAll(fd.get(), contents.data(), contents.size(), path);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoFailure(absl::StrCat("cannot write ", path), errno);
  }
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

absl::Status AppendFile(int fd, const std::string& source) {
  const UniqueFd in(open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.valid()) return ErrnoFailure(absl::StrCat("cannot open ", source), errno);
  bool ranges = true;
  std::vector<char> buffer;
  for (;;) {
    if (ranges) {
      const ssize_t n = copy_file_range(in.get(), nullptr, fd, nullptr, size_t{1} << 30, 0);
      if (n > 0) continue;
      if (n == 0) return absl::OkStatus();
      if (errno == EINTR) continue;
      if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) {
        return ErrnoFailure(absl::StrCat("cannot copy ", source), errno);
      }
      ranges = false;
      buffer.resize(1 << 20);
    }
    const ssize_t n = read(in.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoFailure(absl::StrCat("cannot read ", source), errno);
    if (n == 0) return absl::OkStatus();
    BULKHEAD_RETURN_IF_FAILED(
        WriteAll(fd, buffer.data(), static_cast<size_t>(n), absl::StrCat("a copy of ", source)));
  }
}

absl::Status MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoFailure(absl::StrCat("cannot make the directory ", part), errno);
    }
    if (slash == std::string::npos) return absl::OkStatus();
  }
}

void RemoveTreeAt(int parent, const char* name) {
  if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM)) return;
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  (void)fchmod(fd, 0700);
  DIR* dir = fdopendir(fd);
  if (dir == nullptr) {
    close(fd);
    return;
  }
  // Names are collected first: removing while reading may skip some.
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) {
    const std::string child = entry->d_name;
    if (child != "." && child != "..") names.push_back(child);
  }
  for (const std::string& child : names) RemoveTreeAt(fd, child.c_str());
  closedir(dir);
  (void)unlinkat(parent, name, AT_REMOVEDIR);
}

void RemoveTree(const std::string& path) { RemoveTreeAt(AT_FDCWD, path.c_str()); }

std::string TemporaryRoot() {
  const std::string root = Variable("TMPDIR");
  return root.empty() ? "/tmp" : root;
}

std::string CacheRoot() {
  if (const std::string own = Variable("BULKHEAD_CACHE"); !own.empty()) return own;
  if (const std::string xdg = Variable("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/bulkhead";
  const std::string home = Variable("HOME");
  return (home.empty() ? TemporaryRoot() : home) + "/.cache/bulkhead";
}

absl::StatusOr<TempDir> TempDir::Create(const std::string& parent) {
  std::string path = absl::StrCat(parent, "/", kTempPrefix, "XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return ErrnoFailure(absl::StrCat("cannot make a temporary directory in ", parent), errno);
  }
  UniqueFd lock(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.valid()) (void)flock(lock.get(), LOCK_EX | LOCK_NB);
  return TempDir(path, std::move(lock));
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

void RemoveStaleTempDirs(const std::string& parent) {
  DIR* dir = opendir(parent.c_str());
  if (dir == nullptr) return;
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) names.emplace_back(entry->d_name);
  closedir(dir);
  for (const std::string& name : names) {
    // Just what mkdtemp made of it: nobody's directory of a similar name.
    if (name.rfind(kTempPrefix, 0) != 0 || name.size() != std::strlen(kTempPrefix) + 6) continue;
    const std::string path = absl::StrCat(parent, "/", name);
    const UniqueFd lock(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info;
    // Between making and locking one there is a moment: leave the young ones alone.
    if (!lock.valid() || fstat(lock.get(), &info) != 0 || info.st_uid != geteuid() ||
        info.st_mtime > time(nullptr) - 60 || flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      continue;
    }
    RemoveTree(path);
  }
}

TempDir::~TempDir() {
  if (!path_.empty()) RemoveTree(path_);
}

absl::StatusOr<MappedFile> MappedFile::Open(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!fd.valid() || fstat(fd.get(), &info) != 0) {
    return ErrnoFailure(absl::StrCat("cannot open ", path), errno);
  }
  if (!S_ISREG(info.st_mode)) return Failure(path, " is not a file");
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return MappedFile(nullptr, 0);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return ErrnoFailure(absl::StrCat("cannot map ", path), errno);
  return MappedFile(data, size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept : data_(other.data_), size_(other.size_) {
  other.data_ = nullptr;
  other.size_ = 0;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace bulkhead
