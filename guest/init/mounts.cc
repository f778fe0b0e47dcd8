// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "guest/init/setup.h"

namespace bulkhead {
namespace {

struct FileSystem {
  const char* type;
  const char* path;
  uint64_t flags;
  const char* options;
};

constexpr uint64_t kNoPrograms = MS_NOSUID | MS_NODEV | MS_NOEXEC;

constexpr FileSystem kFileSystems[] = {
    {"proc", "/proc", kNoPrograms, nullptr},
    {"sysfs", "/sys", kNoPrograms, nullptr},
    {"cgroup2", "/sys/fs/cgroup", kNoPrograms, nullptr},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5"},
    {"tmpfs", "/dev/shm", kNoPrograms, "mode=1777,size=65536k"},  // all containers' (podman's size)
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
};

}  // namespace

MaybeFailure LeaveInitialRoot() {
  // The initramfs is the one mount without a parent, which pivot_root(2) refuses to leave. A bind
  // mount of it, moved on top of it, has one, and nothing needs to be copied: unlike `--no-pivot`
  // it leaves the container no way to reach what is below.
  const char* const kNewRoot = "/new_root";
  mkdir(kNewRoot, 0755);
  if (mount("/", kNewRoot, nullptr, MS_BIND, nullptr) != 0 || chdir(kNewRoot) != 0 ||
      mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 || chdir("/") != 0) {
    return ErrnoFailure("cannot leave the initial root");
  }
  return {};
}

MaybeFailure MountKernelFileSystems() {
  for (const FileSystem& fs : kFileSystems) {
    mkdir(fs.path, 0755);
    if (mount(fs.type, fs.path, fs.type, fs.flags, fs.options) != 0) {
      return ErrnoFailure(std::string("cannot mount ") + fs.path);
    }
  }
  // The kernel found no console while its driver was not loaded, so init has no descriptors yet;
  // nothing it opens may become its standard output by accident.
  int fd;
  do {
    fd = open("/dev/null", O_RDWR);
    if (fd < 0) return ErrnoFailure("cannot open /dev/null");
  } while (fd < 2);
  if (fd > 2) close(fd);
  // crun opens these by their usual names.
  (void)symlink("/proc/self/fd", "/dev/fd");
  return {};
}

}  // namespace bulkhead
