// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/runtime_config.h"

#include <algorithm>
#include <utility>

#include "cli/capabilities.h"
#include "cli/failure.h"
#include "cli/json.h"
#include "cli/seccomp.h"
#include "guest/agent/pod_spec.h"

namespace bulkhead {
namespace {

Json Mount(const char* where, const char* type, const char* source,
           const std::vector<std::string>& options) {
  return {{"destination", where}, {"type", type}, {"source", source}, {"options", options}};
}

// podman's own list (podman-run(1), --security-opt; containers/common), with the pod's /dev/shm,
// and the volumes: outer ones first.
Json MakeMounts(std::vector<ContainerRequest::Mount> volumes) {
  Json out = Json::array(
      {Mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
       Mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
       Mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
       Mount("/dev/pts", "devpts", "devpts",
             {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
       Mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
       Mount("/dev/shm", "bind", "/dev/shm", {"bind", "nosuid", "noexec", "nodev"}),
       Mount("/sys/fs/cgroup", "cgroup", "cgroup",
             {"nosuid", "noexec", "nodev", "relatime", "ro"})});
  const auto place = [](const ContainerRequest::Mount& mount) {
    return std::pair(std::count(mount.path.begin(), mount.path.end(), '/'), mount.path);
  };
  std::sort(volumes.begin(), volumes.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
  for (const ContainerRequest::Mount& mount : volumes) {
    const std::string source = std::string(kPodVolumes) + "/" + std::to_string(mount.volume);
    out.push_back(Mount(mount.path.c_str(), "bind", source.c_str(),
                        {"rbind", "nodev", mount.read_only ? "ro" : "rw"}));
  }
  return out;
}

// What crun makes of it in cgroups of version 2: memory.max, cpu.max and cpu.weight.
Json MakeResources(const ContainerSpec& spec) {
  constexpr uint32_t kPeriod = 100'000;  // microseconds
  constexpr uint32_t kLeastShares = 2;
  Json out = {{"devices", Json::array({{{"allow", false}, {"access", "rwm"}}})},
              {"pids", {{"limit", 2048}}}};
  if (spec.memory_limit != 0) out["memory"] = {{"limit", spec.memory_limit}};
  Json cpu = Json::object();
  if (spec.cpu_limit != 0) {
    cpu["period"] = kPeriod;
    // The kernel takes no less than a millisecond (sched/core.c, min_cfs_quota_period).
    cpu["quota"] = std::max(uint64_t{spec.cpu_limit} * kPeriod / 1000, uint64_t{1000});
  }
  if (spec.cpu_request.has_value()) {
    cpu["shares"] = std::max(*spec.cpu_request * 1024 / 1000, kLeastShares);
  }
  if (!cpu.empty()) out["cpu"] = cpu;
  return out;
}

}  // namespace

std::string PodHostname(const PodRequest& pod) {
  return pod.hostname.empty() ? pod.name : pod.hostname;
}

absl::StatusOr<ContainerSpec> MakeContainerSpec(const ImageConfig& image, const PodRequest& pod,
                                                size_t container, Architecture arch,
                                                const std::string& passwd,
                                                const std::string& group) {
  const ContainerRequest& request = pod.containers[container];
  ContainerSpec out;
  BULKHEAD_ASSIGN_OR_RETURN(out.arguments, ContainerArguments(image, request));
  const std::string user = request.user.empty() ? image.user : request.user;
  BULKHEAD_ASSIGN_OR_RETURN(out.user, LookUpUser(user, passwd, group));
  out.environment = ContainerEnvironment(image, request, PodHostname(pod), out.user.home);
  out.workdir = !request.workdir.empty() ? request.workdir : image.workdir;
  if (out.workdir.empty()) out.workdir = "/";
  if (out.workdir[0] != '/') out.workdir = "/" + out.workdir;
  out.arch = OciName(arch);
  out.capabilities = Capabilities(request);
  out.read_only_root = request.read_only_root;
  out.no_new_privileges = request.no_new_privileges;
  out.mounts = request.mounts;
  out.memory_limit = request.memory_limit;
  // One that is alone has the virtual machine's share of the CPU; in the guest, time that others
  // had would count against it a second time.
  if (pod.containers.size() > 1) {
    out.cpu_limit = request.cpu_limit;
    out.cpu_request = request.cpu_request;
  }
  return out;
}

absl::StatusOr<std::string> MakeRuntimeConfig(const ContainerSpec& spec,
                                              const std::string& seccomp_profile) {
  const std::vector<std::string>& caps = spec.capabilities;
  BULKHEAD_ASSIGN_OR_RETURN(const Json seccomp, MakeSeccomp(seccomp_profile, spec.arch, caps));
  // Only root starts with capabilities; whoever else gets them only through set-uid programs.
  const std::vector<std::string> granted = spec.user.uid == 0 ? caps : std::vector<std::string>();
  Json user = {{"uid", spec.user.uid}, {"gid", spec.user.gid}, {"umask", 022}};
  if (!spec.user.additional_gids.empty()) user["additionalGids"] = spec.user.additional_gids;

  const Json config = {
      {"ociVersion", "1.0.2"},
      {"root", {{"path", kContainerRoot}, {"readonly", spec.read_only_root}}},
      {"process",
       {{"terminal", false},
        {"user", user},
        {"args", spec.arguments},
        {"env", spec.environment},
        {"cwd", spec.workdir},
        {"capabilities", {{"bounding", caps}, {"effective", granted}, {"permitted", granted}}},
        {"rlimits",
         Json::array({{{"type", "RLIMIT_NOFILE"}, {"hard", 1048576}, {"soft", 1048576}}})},
        {"noNewPrivileges", spec.no_new_privileges},
        {"oomScoreAdj", 0}}},
      {"mounts", MakeMounts(spec.mounts)},
      {"linux",
       // The others are the guest's: the pod's containers share network, host name and IPC.
       {{"namespaces", Json::array({{{"type", "pid"}}, {{"type", "mount"}}, {{"type", "cgroup"}}})},
        {"resources", MakeResources(spec)},
        {"seccomp", seccomp},
        {"maskedPaths",
         {"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
          "/sys/fs/selinux", "/sys/dev/block"}},
        {"readonlyPaths",
         {"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
          "/proc/sysrq-trigger"}}}}};
  // Words, variables and paths are bytes; what is not UTF-8 cannot be in JSON.
  try {
    return config.dump();
  } catch (const Json::exception&) {
    return Failure(
        "the command or a variable is not UTF-8, which the container runtime needs; "
        "write it as UTF-8");
  }
}

}  // namespace bulkhead
