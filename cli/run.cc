// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/run.h"

#include <unistd.h>

#include "cli/accelerator.h"
#include "cli/failure.h"
#include "cli/files.h"
#include "cli/image_reference.h"
#include "cli/image_store.h"
#include "cli/installed_files.h"
#include "cli/node_machine.h"
#include "cli/pod_bundle.h"

namespace bulkhead {

absl::StatusOr<SessionResult> RunPod(const RunOptions& options, const std::string& program,
                                     const RunContext& context) {
  const auto step = [&](const std::string& what) {
    if (context.progress != nullptr) context.progress->Step(what);
  };
  BULKHEAD_ASSIGN_OR_RETURN(const ImageReference reference, ParseImageReference(options.image));
  const ArchitectureFacts& facts = Facts(options.arch);
  NodeMachineConfig machine_config;
  machine_config.machine = options.machine;
  machine_config.arch = options.arch;
  machine_config.program =
      options.emulator.empty() ? EmulatorProgram(options.machine, options.arch) : options.emulator;
  machine_config.firmware_directory =
      options.firmware_directory.empty() ? facts.firmware.directory : options.firmware_directory;
  machine_config.firmware = options.firmware;
  // What cannot work is said before anything is fetched.
  BULKHEAD_RETURN_IF_FAILED(CheckMachine(machine_config));
  const InstalledFiles files(program);
  if (options.firmware == FirmwareKind::kUefi) {
    BULKHEAD_ASSIGN_OR_RETURN(machine_config.loader, files.Find(facts.files.loader));
  } else {
    BULKHEAD_ASSIGN_OR_RETURN(machine_config.boot_image, files.Find(facts.files.boot_image));
  }
  const std::string cache = CacheRoot();
  RemoveStaleTempDirs(TemporaryRoot());

  ImageStore store(cache, program);
  BULKHEAD_ASSIGN_OR_RETURN(const StoredImage image,
                            store.Get(reference, options.arch, options.pull, context));
  step("preparing the pod");
  BULKHEAD_ASSIGN_OR_RETURN(const GuestKernel kernel, FindGuestKernel(options, cache));
  BULKHEAD_ASSIGN_OR_RETURN(const TempDir work, TempDir::Create());
  machine_config.directory = work.path();
  machine_config.bundle = work.path() + "/bundle.cpio";
  BULKHEAD_ASSIGN_OR_RETURN(const PodBundle bundle, WritePodBundle(options, image, kernel, files,
                                                                   cache, machine_config.bundle));

  machine_config.memory = NodeMemory(options.arch, options.memory, bundle.size, options.firmware);
  // The hypervisor runs x86_64 guests through AMD-V only, so far. On arm64 machines KVM that gives
  // guests EL2 is rare, and not used.
  if (options.machine == MachineKind::kQemu && options.arch == Architecture::kX86_64) {
    machine_config.accelerator = ChooseAccelerator(ReadHostFacts(), /*need_svm=*/true);
  }
  machine_config.bochs_cpu = options.bochs_cpu;
  machine_config.com2 = options.com2;
  machine_config.gdb = options.gdb;
  machine_config.verbose = options.verbose;
  if (options.trace) machine_config.command_line = "trace";
  step(options.firmware == FirmwareKind::kUefi ? "booting the firmware" : "booting the node");
  BULKHEAD_ASSIGN_OR_RETURN(NodeMachine machine, StartNode(machine_config, context));

  SessionOptions session_options;
  session_options.command = bundle.command;
  session_options.verbose = options.verbose;
  session_options.trace = options.trace;
  session_options.gdb = options.gdb;
  session_options.timeout = options.timeout;
  session_options.boot_limit = machine.boot_limit;
  session_options.end_limit = machine.end_limit;
  NodeSession session(&machine, session_options, context);
  return session.Run();
}

}  // namespace bulkhead
