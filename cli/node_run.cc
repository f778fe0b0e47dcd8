// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/node_run.h"

#include <algorithm>

#include "cli/accelerator.h"
#include "cli/failure.h"
#include "cli/files.h"
#include "cli/image_reference.h"
#include "cli/image_store.h"
#include "cli/installed_files.h"
#include "cli/node_machine.h"
#include "cli/pod_bundle.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

NodeMachineConfig MachineConfig(const NodeOptions& options) {
  NodeMachineConfig out;
  out.machine = options.machine;
  out.arch = options.arch;
  out.program =
      options.emulator.empty() ? EmulatorProgram(options.machine, options.arch) : options.emulator;
  out.firmware_directory = options.firmware_directory.empty()
                               ? Facts(options.arch).firmware.directory
                               : options.firmware_directory;
  out.firmware = options.firmware;
  // On arm64 machines KVM that gives guests EL2 is rare, and not used.
  if (options.machine == MachineKind::kQemu && options.arch == Architecture::kX86_64) {
    out.accelerator = ChooseAccelerator(ReadHostFacts());
  }
  out.bochs_cpu = options.bochs_cpu;
  out.cpus = options.cpus;
  out.com2 = options.com2;
  out.gdb = options.gdb;
  out.verbose = options.verbose;
  return out;
}

absl::StatusOr<std::vector<BundlePod>> GetImages(const NodeOptions& options,
                                                 const std::vector<PodRequest>& pods,
                                                 ImageStore* store, const RunContext& context) {
  std::vector<BundlePod> out;
  for (const PodRequest& pod : pods) {
    BundlePod& one = out.emplace_back();
    one.request = pod;
    for (const ContainerRequest& container : pod.containers) {
      BULKHEAD_ASSIGN_OR_RETURN(const ImageReference reference,
                                ParseImageReference(container.image));
      BULKHEAD_ASSIGN_OR_RETURN(StoredImage image,
                                store->Get(reference, options.arch, container.pull, context));
      one.images.push_back(std::move(image));
    }
  }
  return out;
}

absl::StatusOr<uint64_t> MachineMemory(const NodeOptions& options,
                                       const std::vector<PodRequest>& pods, uint64_t bundle_size,
                                       uint64_t asked) {
  uint64_t guests = 0;
  for (const PodRequest& pod : pods) guests += pod.memory;
  const uint64_t needed = NodeMemory(options.arch, guests, bundle_size, options.firmware);
  if (asked == 0) return needed;
  if (asked >= needed) return asked;
  return Failure("the pods need a node of ", needed / kMiB, " MiB, and --memory gives it ",
                 asked / kMiB, " MiB; give it more, or the pods less");
}

}  // namespace

absl::StatusOr<SessionResult> RunNode(const NodeOptions& options,
                                      const std::vector<PodRequest>& pods, uint64_t memory,
                                      SessionOptions session, const std::string& program,
                                      const RunContext& context) {
  const auto step = [&](const std::string& what) {
    if (context.progress != nullptr) context.progress->Step(what);
  };
  NodeMachineConfig machine_config = MachineConfig(options);
  // What cannot work is said before anything is fetched.
  BULKHEAD_RETURN_IF_FAILED(CheckMachine(machine_config));
  const InstalledFiles files(program);
  const NodeFiles& built = Facts(options.arch).files;
  if (options.firmware == FirmwareKind::kUefi) {
    BULKHEAD_ASSIGN_OR_RETURN(machine_config.loader, files.Find(built.loader));
  } else {
    BULKHEAD_ASSIGN_OR_RETURN(machine_config.boot_image, files.Find(built.boot_image));
  }
  const std::string cache = CacheRoot();
  RemoveStaleTempDirs(TemporaryRoot());

  ImageStore store(cache, program);
  BULKHEAD_ASSIGN_OR_RETURN(const std::vector<BundlePod> bundle_pods,
                            GetImages(options, pods, &store, context));
  step(pods.size() == 1 ? "preparing the pod" : "preparing the pods");
  BULKHEAD_ASSIGN_OR_RETURN(const GuestKernel kernel, FindGuestKernel(options, cache));
  BULKHEAD_ASSIGN_OR_RETURN(const TempDir work, TempDir::Create());
  machine_config.directory = work.path();
  machine_config.bundle = work.path() + "/bundle.cpio";
  BULKHEAD_ASSIGN_OR_RETURN(
      const NodeBundle bundle,
      WriteNodeBundle(options, bundle_pods, kernel, files, cache, machine_config.bundle));
  BULKHEAD_ASSIGN_OR_RETURN(machine_config.memory,
                            MachineMemory(options, pods, bundle.size, memory));
  for (size_t i = 0; i < pods.size(); ++i) {
    for (size_t j = 0; j < bundle.commands[i].size(); ++j) {
      session.pods[i].containers[j].command = bundle.commands[i][j];
    }
    // Else the node would end with the last of its pods.
    if (session.detached || session.pods[i].restart != RestartPolicy::kNever) {
      machine_config.command_line = "stay";
    }
  }
  if (options.trace) machine_config.command_line += " trace";
  step(options.firmware == FirmwareKind::kUefi ? "booting the firmware" : "booting the node");
  BULKHEAD_ASSIGN_OR_RETURN(NodeMachine machine, StartNode(machine_config, context));

  session.verbose = options.verbose;
  session.trace = options.trace;
  session.gdb = options.gdb;
  session.boot_limit = machine.boot_limit;
  session.end_limit = machine.end_limit;
  NodeSession node(&machine, session, context);
  return node.Run();
}

}  // namespace bulkhead
