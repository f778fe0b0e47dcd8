// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/runtime_config.h"

#include "cli/capabilities.h"
#include "cli/failure.h"
#include "cli/json.h"
#include "cli/seccomp.h"

namespace bulkhead {
namespace {

Json Mount(const char* where, const char* type, const char* source,
           const std::vector<std::string>& options) {
  return {{"destination", where}, {"type", type}, {"source", source}, {"options", options}};
}

// podman's own list (podman-run(1), --security-opt; containers/common).
Json MakeMounts() {
  return Json::array(
      {Mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
       Mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
       Mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
       Mount("/dev/pts", "devpts", "devpts",
             {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
       Mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
       Mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
       Mount("/sys/fs/cgroup", "cgroup", "cgroup",
             {"nosuid", "noexec", "nodev", "relatime", "ro"})});
}

}  // namespace

absl::StatusOr<ContainerSpec> MakeContainerSpec(const ImageConfig& image, const PodRequest& pod,
                                                Architecture arch, const std::string& passwd,
                                                const std::string& group) {
  const ContainerRequest& request = pod.container;
  ContainerSpec out;
  BULKHEAD_ASSIGN_OR_RETURN(out.arguments, ContainerArguments(image, request));
  const std::string user = request.user.empty() ? image.user : request.user;
  BULKHEAD_ASSIGN_OR_RETURN(out.user, LookUpUser(user, passwd, group));
  out.hostname = pod.hostname.empty() ? pod.name : pod.hostname;
  out.environment = ContainerEnvironment(image, request, out.hostname, out.user.home);
  out.workdir = !request.workdir.empty() ? request.workdir : image.workdir;
  if (out.workdir.empty()) out.workdir = "/";
  if (out.workdir[0] != '/') out.workdir = "/" + out.workdir;
  out.arch = OciName(arch);
  out.capabilities = Capabilities(request);
  out.read_only_root = request.read_only_root;
  out.no_new_privileges = request.no_new_privileges;
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
      {"hostname", spec.hostname},
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
      {"mounts", MakeMounts()},
      {"linux",
       {{"namespaces", Json::array({{{"type", "pid"}},
                                    {{"type", "ipc"}},
                                    {{"type", "uts"}},
                                    {{"type", "mount"}},
                                    {{"type", "cgroup"}}})},
        {"resources",
         {{"devices", Json::array({{{"allow", false}, {"access", "rwm"}}})},
          {"pids", {{"limit", 2048}}}}},
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
