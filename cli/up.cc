// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/up.h"

#include <algorithm>
#include <map>

#include "cli/failure.h"
#include "cli/files.h"
#include "cli/keeper/node_keeper.h"
#include "cli/manifest/manifest.h"
#include "cli/node_run.h"
#include "control/node_frame.h"
#include "control/placement.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {
namespace {

constexpr size_t kMaxManifest = size_t{2} << 20;  // bytes: more than is parsed

absl::StatusOr<std::vector<PodRequest>> ReadPods(const std::vector<std::string>& files) {
  std::vector<PodRequest> pods;
  std::map<std::string, std::string> seen;  // by name: the file
  for (const std::string& file : files) {
    const std::string path = file == "-" ? "/dev/stdin" : file;
    const absl::StatusOr<std::string> text = ReadFile(path, kMaxManifest);
    if (!text.ok()) {
      return Failure("cannot read the manifests of ", Printable(file), ": ",
                     std::string(text.status().message()));
    }
    BULKHEAD_ASSIGN_OR_RETURN(std::vector<PodRequest> of_file, ParseManifests(*text, file));
    for (PodRequest& pod : of_file) {
      const auto [other, is_new] = seen.emplace(pod.name, file);
      if (!is_new) {
        return Failure(Printable(file), ": there is a pod ", pod.name, " in ",
                       Printable(other->second), ", too; give one of them another name");
      }
      pods.push_back(std::move(pod));
    }
  }
  return pods;
}

// Each pod stays on one CPU, where the supervisor puts it in this way and order; when one has ended
// and starts again, it finds no less.
absl::Status CheckPlaces(const std::vector<PodRequest>& pods, uint32_t cpus) {
  Placement placement;
  placement.SetCpus(cpus);
  std::vector<uint64_t> requested(cpus);  // thousandths
  for (const PodRequest& pod : pods) {
    uint64_t& there = requested[placement.Take(std::max(pod.cpu_request, abi::kDefaultWeight))];
    there += pod.cpu_request;
    if (there > abi::kWholeCpu) {
      return Failure("pod ", pod.name, " requests ", pod.cpu_request,
                     "m of a CPU, and none of the node's ", cpus,
                     " has as much left; request less, name the pods with the largest requests "
                     "first, or give the node more with --cpus");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNode(const std::vector<PodRequest>& pods, uint32_t cpus) {
  if (pods.empty()) return Failure("there is no pod in what was given; add a manifest of one");
  if (pods.size() > kMaxNodePods) {
    return Failure(pods.size(), " pods are too many for one node, which takes ", kMaxNodePods,
                   "; give fewer");
  }
  const uint64_t node_cpu = uint64_t{cpus} * abi::kWholeCpu;
  uint64_t requested = 0;
  for (const PodRequest& pod : pods) requested += pod.cpu_request;
  if (requested > node_cpu) {
    return Failure("the pods request ", requested, "m of CPU, and the node has ", node_cpu,
                   "m; request less, or give it more with --cpus");
  }
  return CheckPlaces(pods, cpus);
}

std::vector<SessionPod> SessionPods(const std::vector<PodRequest>& pods) {
  size_t width = 0;
  for (const PodRequest& pod : pods) {
    for (const ContainerRequest& container : pod.containers) {
      width = std::max(width, pod.name.size() + 1 + container.name.size());
    }
  }
  std::vector<SessionPod> out;
  for (const PodRequest& pod : pods) {
    SessionPod& one = out.emplace_back();
    one.name = pod.name;
    for (const ContainerRequest& container : pod.containers) {
      SessionContainer& added = one.containers.emplace_back();
      added.name = container.name;
      added.init = container.init;
      added.prefix = pod.name + "/" + container.name;
      added.prefix.resize(width, ' ');
      added.prefix += " | ";
    }
    one.restart = pod.restart;
    one.timeout = std::chrono::seconds(pod.deadline_seconds);
    one.timeout_advice = " (activeDeadlineSeconds)";
    one.grace = std::chrono::seconds(pod.grace_seconds);
  }
  return out;
}

void Detach(const NodeHome& home, Detachment* detachment, const RunContext& context) {
  if (context.progress != nullptr) context.progress->Finish();
  detachment->Complete(home.path() + "/stderr");
}

}  // namespace

absl::StatusOr<SessionResult> UpPods(const UpOptions& options, const std::string& program,
                                     const RunContext& context, Detachment* detachment) {
  BULKHEAD_ASSIGN_OR_RETURN(const std::vector<PodRequest> pods, ReadPods(options.files));
  BULKHEAD_RETURN_IF_FAILED(CheckNode(pods, options.cpus));
  SessionOptions session;
  session.pods = SessionPods(pods);
  session.several = true;
  session.stdin_fd = -1;
  session.detached = detachment != nullptr;
  std::unique_ptr<NodeKeeper> keeper;
  if (!options.name.empty()) {
    std::function<void(const NodeHome&)> on_started;
    if (detachment != nullptr) {
      on_started = [&](const NodeHome& home) { Detach(home, detachment, context); };
    }
    BULKHEAD_ASSIGN_OR_RETURN(keeper, NodeKeeper::Create(options.name, std::move(on_started)));
    session.watcher = keeper.get();
  }
  return RunNode(options, pods, options.memory, session, program, context);
}

}  // namespace bulkhead
