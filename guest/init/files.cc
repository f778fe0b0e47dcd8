// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "guest/init/files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace bulkhead {

bool ReadFile(const std::string& path, size_t limit, std::string* out) {
  out->clear();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char chunk[4096];
  bool ok = true;
  for (;;) {
    const ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) break;
    if (n < 0 || static_cast<size_t>(n) > limit - out->size()) {
      ok = false;
      break;
    }
    out->append(chunk, static_cast<size_t>(n));
  }
  close(fd);
  return ok;
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

MaybeFailure ReplaceFileInRoot(const std::string& root, const char* directory, const char* name,
                               std::string_view text) {
  const std::string what = std::string("cannot write ") + directory + "/" + name + " for the pod";
  const int root_fd = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root_fd < 0) return ErrnoFailure(what);
  open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  int64_t dir_fd = syscall(SYS_openat2, root_fd, directory, &how, sizeof(how));
  if (dir_fd < 0 && errno == ENOENT) {
    // A dangling link stays one: mkdirat does not follow it, and the second try fails, too.
    (void)mkdirat(root_fd, directory, 0755);
    dir_fd = syscall(SYS_openat2, root_fd, directory, &how, sizeof(how));
  }
  MaybeFailure failure;
  int fd = -1;
  if (dir_fd < 0 || (unlinkat(static_cast<int>(dir_fd), name, 0) != 0 && errno != ENOENT)) {
    failure = ErrnoFailure(what);
  } else {
    fd = openat(static_cast<int>(dir_fd), name,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || !WriteAll(fd, text)) failure = ErrnoFailure(what);
  }
  if (fd >= 0) close(fd);
  if (dir_fd >= 0) close(static_cast<int>(dir_fd));
  close(root_fd);
  return failure;
}

}  // namespace bulkhead
