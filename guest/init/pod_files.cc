// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "guest/init/files.h"
#include "guest/init/setup.h"

namespace bulkhead {
namespace {

constexpr char kImages[] = "/run/bulkhead/images/";
constexpr size_t kMaxPodFile = 4 << 20;  // bytes

std::string ImagePath(size_t image) { return kImages + std::to_string(image); }

// The line that the pod's host name is in its file.
bool ReadHostname(std::string* out) {
  if (!ReadFile("/bulkhead/hostname", 256, out)) return false;
  while (!out->empty() && out->back() == '\n') out->pop_back();
  return true;
}

MaybeFailure MountOverlay(const std::string& image, const std::string& layer,
                          const std::string& root) {
  if (mount("tmpfs", layer.c_str(), "tmpfs", 0, "mode=0700") != 0) {
    return ErrnoFailure("cannot mount the pod's writable layer");
  }
  const std::string upper = layer + "/upper";
  const std::string work = layer + "/work";
  // The root directory of an overlay is its upper one: it must look like the image's.
  struct stat of_image;
  if (stat(image.c_str(), &of_image) != 0 || mkdir(upper.c_str(), 0700) != 0 ||
      mkdir(work.c_str(), 0700) != 0 ||
      chown(upper.c_str(), of_image.st_uid, of_image.st_gid) != 0 ||
      chmod(upper.c_str(), of_image.st_mode & 07777) != 0) {
    return ErrnoFailure("cannot set up the pod's writable layer");
  }
  const std::string options = "lowerdir=" + image + ",upperdir=" + upper + ",workdir=" + work;
  if (mount("overlay", root.c_str(), "overlay", 0, options.c_str()) != 0) {
    return ErrnoFailure("cannot mount the pod's root (overlay)");
  }
  return {};
}

MaybeFailure WriteRootFiles(const std::string& root) {
  std::string text;
  if (ReadHostname(&text)) {
    BULKHEAD_RETURN_IF_FAILED(ReplaceFileInRoot(root, "etc", "hostname", text + "\n"));
    BULKHEAD_RETURN_IF_FAILED(ReplaceFileInRoot(
        root, "etc", "hosts",
        "127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost localhost.localdomain\n"
        "127.0.1.1\t" +
            text + "\n"));
  }
  if (ReadFile("/bulkhead/resolv.conf", kMaxPodFile, &text)) {
    BULKHEAD_RETURN_IF_FAILED(ReplaceFileInRoot(root, "etc", "resolv.conf", text));
  }
  return {};
}

}  // namespace

MaybeFailure ReadPodSpec(PodSpec* out) {
  std::string text;
  if (!ReadFile("/bulkhead/pod", kMaxPodFile, &text)) {
    return InternalFailure("the pod has no description (/bulkhead/pod)");
  }
  const std::optional<PodSpec> spec = ParsePodSpec(text);
  if (!spec.has_value()) return InternalFailure("the pod's description is not valid");
  *out = *spec;
  return {};
}

MaybeFailure SetHostname() {
  std::string name;
  if (!ReadHostname(&name)) return {};
  if (sethostname(name.data(), name.size()) != 0) return ErrnoFailure("cannot set the hostname");
  return {};
}

MaybeFailure MountImages(size_t count) {
  mkdir("/run/bulkhead", 0700);
  mkdir(kImages, 0755);
  for (size_t i = 0; i < count; ++i) {
    // The kernel names the disks in the order of the platform's devices.
    const std::string disk = std::string("/dev/vd") + static_cast<char>('a' + i);
    mkdir(ImagePath(i).c_str(), 0755);
    if (mount(disk.c_str(), ImagePath(i).c_str(), "erofs", MS_RDONLY, nullptr) == 0) continue;
    return errno == EINVAL ? InternalFailure("the pod's disk " + disk +
                                             " does not hold an image (EROFS) that can be read")
                           : ErrnoFailure("cannot mount the pod's image (" + disk + ")");
  }
  return {};
}

MaybeFailure MountVolumes(const std::vector<uint64_t>& sizes) {
  if (!sizes.empty()) mkdir(kPodVolumes, 0700);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const std::string path = std::string(kPodVolumes) + "/" + std::to_string(i);
    // Whoever the containers run as may write (as with Kubernetes).
    std::string options = "mode=0777";
    if (sizes[i] != 0) options += ",size=" + std::to_string(sizes[i]);
    mkdir(path.c_str(), 0755);
    if (mount("tmpfs", path.c_str(), "tmpfs", MS_NODEV, options.c_str()) != 0) {
      return ErrnoFailure("cannot mount a volume of the pod");
    }
  }
  return {};
}

std::string BundleOf(size_t container) {
  return "/bulkhead/containers/" + std::to_string(container);
}

MaybeFailure MakeRoot(size_t container, uint32_t image) {
  const std::string root = BundleOf(container) + "/rootfs";
  const std::string layer = BundleOf(container) + "/layer";
  for (const std::string& path : {layer, root}) mkdir(path.c_str(), 0755);
  BULKHEAD_RETURN_IF_FAILED(MountOverlay(ImagePath(image), layer, root));
  return WriteRootFiles(root);
}

void RemoveRoot(size_t container) {
  for (const char* const part : {"/rootfs", "/layer"}) {
    (void)umount2((BundleOf(container) + part).c_str(), MNT_DETACH);
  }
}

}  // namespace bulkhead
