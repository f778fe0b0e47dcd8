// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/pod_bundle.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "cli/bundle_writer.h"
#include "cli/failure.h"
#include "cli/files.h"
#include "cli/image_config.h"
#include "cli/runtime_config.h"
#include "cli/seccomp.h"
#include "control/seed_pool.h"
#include "guest/initramfs/initramfs.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr size_t kMaxProfile = 1 << 20;  // bytes

// "6.1.0-1-cloud-amd64" out of "Linux version 6.1.0-1-cloud-amd64 (...", which every kernel has.
std::string KernelVersion(std::span<const std::byte> kernel) {
  constexpr char kBanner[] = "Linux version ";
  const auto* found =
      static_cast<const char*>(memmem(kernel.data(), kernel.size(), kBanner, sizeof(kBanner) - 1));
  if (found == nullptr) return "";
  const char* const end = reinterpret_cast<const char*>(kernel.data()) + kernel.size();
  std::string out;
  for (found += sizeof(kBanner) - 1; found < end && *found > ' ' && out.size() < 128; ++found) {
    out += *found;
  }
  return out;
}

// Random bytes for this one start of the node: not every machine has some of its own.
absl::StatusOr<std::string> MakeSeed() {
  std::string seed(kMinBundleSeed, '\0');
  // So few bytes come whole (getrandom(2)).
  if (getrandom(seed.data(), seed.size(), 0) < 0) {
    return ErrnoFailure("cannot get random bytes", errno);
  }
  return seed;
}

}  // namespace

absl::StatusOr<GuestKernel> FindGuestKernel(const RunOptions& options,
                                            const std::string& cache_root) {
  const std::string directory = cache_root + "/kernel/" + OciName(options.arch);
  GuestKernel out;
  if (options.kernel.empty()) {
    const std::string path = directory + "/vmlinuz";
    if (!FileExists(path)) {
      return Failure("the guest kernel ", path, " is missing; run tools/setup to fetch it");
    }
    BULKHEAD_ASSIGN_OR_RETURN(out.image, PrepareKernel(path, options.arch, cache_root));
    out.modules = directory + "/modules";
    return out;
  }
  BULKHEAD_ASSIGN_OR_RETURN(out.image, PrepareKernel(options.kernel, options.arch, cache_root));
  // Modules beside the kernel are its own; the default kernel's fit only that version.
  const size_t slash = options.kernel.rfind('/');
  const std::string beside =
      (slash == std::string::npos ? "" : options.kernel.substr(0, slash + 1)) + "modules";
  if (FileExists(beside + "/modules.builtin")) {
    out.modules = beside;
    return out;
  }
  std::string version = ReadFile(directory + "/version", 256).value_or("");
  while (!version.empty() && version.back() == '\n') version.pop_back();
  BULKHEAD_ASSIGN_OR_RETURN(const MappedFile kernel, MappedFile::Open(out.image.path));
  if (!version.empty() && KernelVersion(kernel.bytes()) == version) {
    out.modules = directory + "/modules";
  }
  return out;
}

std::string GuestCommandLine(const RunOptions& options) {
  // panic=-1: a kernel that gives up resets at once, which ends the pod. virtio_console, a module,
  // cannot repeat what was said before it was there, so for --verbose a UART has the early part of
  // the log (docs/guest-platform.md); the kernel leaves it when hvc0 appears.
  std::string out = "console=hvc0 panic=-1";
  const char* early = " earlycon=pl011,0x9000000";
  if (options.arch == Architecture::kX86_64) {
    out += " reboot=a";  // by ACPI's reset register
    early = " earlyprintk=ttyS0";
  }
  out += options.verbose ? std::string(" loglevel=7") + early : " quiet loglevel=4";
  return out;
}

uint64_t LeastPodMemory(Architecture arch, const KernelImage& kernel, uint64_t initramfs_size) {
  // The kernel, the initramfs and its unpacked files, and what the kernel sets up before it can
  // give any of that back: by trial with Debian's, of which the arm64 one takes more.
  const uint64_t setup = (arch == Architecture::kAarch64 ? 32 : 16) * kMiB;
  const uint64_t size = kernel.memory_end + 2 * initramfs_size + setup;
  return (size + kMiB - 1) / kMiB * kMiB;
}

absl::StatusOr<PodBundle> WritePodBundle(const RunOptions& options, const StoredImage& image,
                                         const GuestKernel& kernel, const InstalledFiles& files,
                                         const std::string& cache_root, const std::string& path) {
  BULKHEAD_ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(image.config_json));
  BULKHEAD_ASSIGN_OR_RETURN(const ContainerSpec spec,
                            MakeContainerSpec(config, options, image.passwd, image.group));
  absl::StatusOr<std::string> profile = ReadFile(kSeccompProfile, kMaxProfile);
  if (!profile.ok()) {
    return Failure("the seccomp profile ", kSeccompProfile,
                   " is missing; install the package golang-github-containers-common");
  }
  PodFiles pod_files;
  BULKHEAD_ASSIGN_OR_RETURN(pod_files.config_json, MakeRuntimeConfig(spec, *profile));
  pod_files.hostname = spec.hostname;
  const NodeFiles& built = Facts(options.arch).files;
  InitramfsOptions initramfs_options;
  BULKHEAD_ASSIGN_OR_RETURN(initramfs_options.init, files.Find(built.init));
  initramfs_options.programs = GuestPrograms(options.arch, cache_root);
  initramfs_options.modules_dir = kernel.modules;
  if (kernel.modules.empty()) initramfs_options.modules.clear();
  absl::StatusOr<std::string> initramfs = BuildBaseInitramfs(initramfs_options);
  if (!initramfs.ok()) {
    return Failure("cannot make the initramfs: ", std::string(initramfs.status().message()),
                   "; run tools/setup");
  }
  *initramfs += BuildPodInitramfs(pod_files);

  const uint64_t least = LeastPodMemory(options.arch, kernel.image, initramfs->size());
  if (options.memory < least) {
    return Failure(options.memory / kMiB,
                   " MiB of memory are too little for kernel and initramfs; "
                   "give --memory ",
                   least / kMiB, "m or more");
  }
  const std::string pod = "pods/" + options.name + "/";
  const std::string pod_config = absl::StrCat(
      "version=1\nmemory=", options.memory, "\ncpus=", options.cpus,
      "\ncmdline=", GuestCommandLine(options), "\ndebug_uart=", options.verbose ? 1 : 0, "\n");
  BULKHEAD_ASSIGN_OR_RETURN(const std::string hypervisor, files.Find(built.hypervisor));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string supervisor, files.Find(built.supervisor));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string vmm, files.Find(built.vmm));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string seed, MakeSeed());
  BULKHEAD_ASSIGN_OR_RETURN(BundleFileWriter writer, BundleFileWriter::Create(path));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile("hypervisor", hypervisor));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile("supervisor", supervisor));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile("vmm", vmm));
  BULKHEAD_RETURN_IF_FAILED(writer.AddBytes(std::string(kBundleSeed), seed));
  BULKHEAD_RETURN_IF_FAILED(writer.AddBytes(pod + "pod", pod_config));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile(pod + "kernel", kernel.image.path));
  BULKHEAD_RETURN_IF_FAILED(writer.AddBytes(pod + "initramfs", *initramfs));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile(pod + "image", image.rootfs));
  BULKHEAD_RETURN_IF_FAILED(writer.Finish());
  return PodBundle{writer.size(), spec.arguments[0]};
}

}  // namespace bulkhead
