// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/pod_bundle.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>

#include "boot/pod_config.h"
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

absl::StatusOr<GuestKernel> FindGuestKernel(const NodeOptions& options,
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

std::string GuestCommandLine(const NodeOptions& options) {
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

namespace {

absl::StatusOr<std::string> BaseInitramfs(const NodeOptions& options, const GuestKernel& kernel,
                                          const InstalledFiles& files,
                                          const std::string& cache_root) {
  InitramfsOptions out;
  BULKHEAD_ASSIGN_OR_RETURN(out.init, files.Find(Facts(options.arch).files.init));
  out.programs = GuestPrograms(options.arch, cache_root);
  out.modules_dir = kernel.modules;
  if (kernel.modules.empty()) out.modules.clear();
  absl::StatusOr<std::string> initramfs = BuildBaseInitramfs(out);
  if (!initramfs.ok()) {
    return Failure("cannot make the initramfs: ", std::string(initramfs.status().message()),
                   "; run tools/setup");
  }
  return initramfs;
}

absl::Status CheckMemory(Architecture arch, const PodRequest& pod, const KernelImage& kernel,
                         uint64_t initramfs_size) {
  const uint64_t least = LeastPodMemory(arch, kernel, initramfs_size);
  if (pod.memory >= least) return absl::OkStatus();
  const uint64_t asked = least - std::min(least, pod.memory_added);
  return Failure(pod.memory / kMiB,
                 " MiB of memory are too little for kernel and initramfs; raise ",
                 pod.memory_setting, " to ", asked / kMiB, "m or more");
}

std::string PodConfigText(const NodeOptions& options, const PodRequest& pod,
                          const std::vector<std::string>& images) {
  std::string out = absl::StrCat(
      "version=1\nmemory=", pod.memory, "\ncpus=1\ncmdline=", GuestCommandLine(options),
      "\ndebug_uart=", options.verbose ? 1 : 0, "\nkernel=kernel\ncpu_limit=", pod.cpu_limit,
      "\ncpu_request=", pod.cpu_request, "\n");
  for (const std::string& image : images) absl::StrAppend(&out, "image=", image, "\n");
  return out;
}

// The bundle's images: each file once, whoever uses it.
class Images {
 public:
  explicit Images(BundleFileWriter* writer) : writer_(writer) {}

  // The entry that a file is.
  absl::StatusOr<std::string> Add(const std::string& file) {
    const auto [entry, is_new] =
        entries_.emplace(file, "images/" + std::to_string(entries_.size()));
    if (is_new) BULKHEAD_RETURN_IF_FAILED(writer_->AddFile(entry->second, file));
    return entry->second;
  }

 private:
  BundleFileWriter* const writer_;
  std::map<std::string, std::string> entries_;  // by file
};

// A pod, as its init and its supervisor need it.
struct PreparedPod {
  PodFiles files;
  std::vector<std::string> images;    // entries, in the order of its disks
  std::vector<std::string> commands;  // of its containers
};

// The number of the pod's disk with this image, which is added if it has none.
absl::StatusOr<uint32_t> DiskOf(const std::string& entry, const PodRequest& request,
                                PreparedPod* pod) {
  const auto found = std::find(pod->images.begin(), pod->images.end(), entry);
  const auto number = static_cast<uint32_t>(found - pod->images.begin());
  if (found != pod->images.end()) return number;
  if (number == kMaxPodImages) {
    return Failure("the containers of pod ", request.name, " have more than ", kMaxPodImages,
                   " different images; make several pods of them");
  }
  pod->images.push_back(entry);
  return number;
}

absl::StatusOr<PreparedPod> PreparePod(const BundlePod& pod, Architecture arch,
                                       const std::string& profile, Images* images) {
  const PodRequest& request = pod.request;
  PreparedPod out;
  out.files.hostname = PodHostname(request);
  out.files.spec.restart = request.restart;
  out.files.spec.volumes = request.volumes;
  for (size_t i = 0; i < request.containers.size(); ++i) {
    const StoredImage& image = pod.images[i];
    BULKHEAD_ASSIGN_OR_RETURN(const ImageConfig config, ParseImageConfig(image.config_json));
    BULKHEAD_ASSIGN_OR_RETURN(
        const ContainerSpec spec,
        MakeContainerSpec(config, request, i, arch, image.passwd, image.group));
    BULKHEAD_ASSIGN_OR_RETURN(std::string runtime, MakeRuntimeConfig(spec, profile));
    out.files.configs.push_back(std::move(runtime));
    out.commands.push_back(spec.arguments[0]);
    BULKHEAD_ASSIGN_OR_RETURN(const std::string entry, images->Add(image.rootfs));
    BULKHEAD_ASSIGN_OR_RETURN(const uint32_t disk, DiskOf(entry, request, &out));
    const ContainerRequest& container = request.containers[i];
    out.files.spec.containers.push_back(
        {.image = disk, .init = container.init, .has_stdin = container.has_stdin});
  }
  return out;
}

}  // namespace

absl::StatusOr<NodeBundle> WriteNodeBundle(const NodeOptions& options,
                                           const std::vector<BundlePod>& pods,
                                           const GuestKernel& kernel, const InstalledFiles& files,
                                           const std::string& cache_root, const std::string& path) {
  absl::StatusOr<std::string> profile = ReadFile(kSeccompProfile, kMaxProfile);
  if (!profile.ok()) {
    return Failure("the seccomp profile ", kSeccompProfile,
                   " is missing; install the package golang-github-containers-common");
  }
  const NodeFiles& built = Facts(options.arch).files;
  BULKHEAD_ASSIGN_OR_RETURN(const std::string base,
                            BaseInitramfs(options, kernel, files, cache_root));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string hypervisor, files.Find(built.hypervisor));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string supervisor, files.Find(built.supervisor));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string vmm, files.Find(built.vmm));
  BULKHEAD_ASSIGN_OR_RETURN(const std::string seed, MakeSeed());
  BULKHEAD_ASSIGN_OR_RETURN(BundleFileWriter writer, BundleFileWriter::Create(path));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile("hypervisor", hypervisor));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile("supervisor", supervisor));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile("vmm", vmm));
  BULKHEAD_RETURN_IF_FAILED(writer.AddBytes(std::string(kBundleSeed), seed));
  BULKHEAD_RETURN_IF_FAILED(writer.AddFile("kernel", kernel.image.path));

  NodeBundle out;
  Images images(&writer);
  for (const BundlePod& pod : pods) {
    BULKHEAD_ASSIGN_OR_RETURN(PreparedPod prepared,
                              PreparePod(pod, options.arch, *profile, &images));
    const std::string initramfs = base + BuildPodInitramfs(prepared.files);
    BULKHEAD_RETURN_IF_FAILED(
        CheckMemory(options.arch, pod.request, kernel.image, initramfs.size()));
    const std::string entry = "pods/" + pod.request.name + "/";
    BULKHEAD_RETURN_IF_FAILED(
        writer.AddBytes(entry + "pod", PodConfigText(options, pod.request, prepared.images)));
    BULKHEAD_RETURN_IF_FAILED(writer.AddBytes(entry + "initramfs", initramfs));
    out.commands.push_back(std::move(prepared.commands));
  }
  BULKHEAD_RETURN_IF_FAILED(writer.Finish());
  out.size = writer.size();
  return out;
}

}  // namespace bulkhead
