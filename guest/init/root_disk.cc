// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "guest/init/files.h"
#include "guest/init/setup.h"

namespace bulkhead {
namespace {

constexpr char kDisk[] = "/dev/vda";
constexpr char kImage[] = "/run/bulkhead/image";
constexpr char kLayer[] = "/run/bulkhead/layer";
constexpr size_t kMaxPodFile = 4 << 20;  // bytes

// Writes a file of init's own tree.
MaybeFailure WriteFile(const std::string& path, std::string_view text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoFailure("cannot write " + path);
  MaybeFailure failure;
  if (!WriteAll(fd, text)) failure = ErrnoFailure("cannot write " + path);
  close(fd);
  return failure;
}

}  // namespace

MaybeFailure MountRootDisk() {
  mkdir("/run/bulkhead", 0700);
  for (const char* const path : {kImage, kLayer, kRootfs, kBundle}) mkdir(path, 0755);
  if (mount(kDisk, kImage, "erofs", MS_RDONLY, nullptr) != 0) {
    return errno == EINVAL
               ? InternalFailure("the pod's disk does not hold an image (EROFS) that can be read")
               : ErrnoFailure("cannot mount the pod's image (/dev/vda)");
  }
  if (mount("tmpfs", kLayer, "tmpfs", 0, "mode=0700") != 0) {
    return ErrnoFailure("cannot mount the pod's writable layer");
  }
  const std::string upper = std::string(kLayer) + "/upper";
  const std::string work = std::string(kLayer) + "/work";
  // The root directory of an overlay is its upper one: it must look like the image's.
  struct stat root;
  if (stat(kImage, &root) != 0 || mkdir(upper.c_str(), 0700) != 0 ||
      mkdir(work.c_str(), 0700) != 0 || chown(upper.c_str(), root.st_uid, root.st_gid) != 0 ||
      chmod(upper.c_str(), root.st_mode & 07777) != 0) {
    return ErrnoFailure("cannot set up the pod's writable layer");
  }
  const std::string options =
      std::string("lowerdir=") + kImage + ",upperdir=" + upper + ",workdir=" + work;
  if (mount("overlay", kRootfs, "overlay", 0, options.c_str()) != 0) {
    return ErrnoFailure("cannot mount the pod's root (overlay)");
  }
  return {};
}

MaybeFailure WritePodFiles() {
  std::string text;
  if (!ReadFile("/bulkhead/config.json", kMaxPodFile, &text)) {
    return InternalFailure("the pod has no container configuration (/bulkhead/config.json)");
  }
  BULKHEAD_RETURN_IF_FAILED(WriteFile(std::string(kBundle) + "/config.json", text));

  if (ReadFile("/bulkhead/hostname", 256, &text)) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    if (sethostname(text.data(), text.size()) != 0) return ErrnoFailure("cannot set the hostname");
    BULKHEAD_RETURN_IF_FAILED(ReplaceFileInRoot(kRootfs, "etc", "hostname", text + "\n"));
    BULKHEAD_RETURN_IF_FAILED(ReplaceFileInRoot(
        kRootfs, "etc", "hosts",
        "127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost localhost.localdomain\n"
        "127.0.1.1\t" +
            text + "\n"));
  }
  if (ReadFile("/bulkhead/resolv.conf", kMaxPodFile, &text)) {
    BULKHEAD_RETURN_IF_FAILED(ReplaceFileInRoot(kRootfs, "etc", "resolv.conf", text));
  }
  return {};
}

}  // namespace bulkhead
