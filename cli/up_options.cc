// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/up_options.h"

#include "cli/failure.h"
#include "cli/keeper/node_home.h"

namespace bulkhead {
namespace {

constexpr int64_t kMaxNodeCpus = 255;  // as QEMU's q35 has them

constexpr char kDescription[] =
    "Boots one node with all the pods of Kubernetes manifests, each in its own virtual machine, "
    "and\n"
    "shows what their containers write, line by line, after POD/CONTAINER. Ends when all of them "
    "have\n"
    "ended; Ctrl-C asks them to end, and a second one stops them.";

constexpr char kFooter[] =
    R"(FILE has Pods (apiVersion v1), several of them as documents of their own; '-' is the standard
input. docs/manifests.md has the fields.

Exit status: 0 if every pod succeeded, else that of the first that failed; 125 when Bulkhead itself
failed; 128+N after signal N.

With --detach: 0 once all pods have started; if one cannot, its exit status, and there is no node.

Examples:
  bulkhead up shop.yaml
  bulkhead up --detach shop.yaml; bulkhead ps; bulkhead logs -f web-0; bulkhead down
  kubectl get pod web-0 -o yaml | bulkhead up -)";

}  // namespace

CLI::App* UpOptionParser::AddTo(CLI::App* app) {
  CLI::App* const command = app->add_subcommand("up", "Run the pods of Kubernetes manifests");
  command->description(kDescription);
  command->footer(kFooter);
  command->set_help_flag("-h,--help", "Show this help");
  command->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command
      ->add_option("-m,--memory", memory_,
                   "Memory of the node, like 4g (default: what the pods need)")
      ->type_name("SIZE");
  command->add_flag("-d,--detach", up_.detach,
                    "Return when all pods have started; the node goes on until 'bulkhead down'");
  command
      ->add_option("--name", up_.name,
                   "Name of the node, for ps, logs, top, stop and down (default with --detach: "
                   "node; else\nthey do not know it)")
      ->type_name("NODE");
  command->add_option("--cpus", cpus_, "CPUs of the node, 1 (default) to 255")->type_name("N");
  node_.AddTo(command, &up_);
  command->add_option("FILE", up_.files, "Manifests")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->option_text("...");
  return command;
}

absl::StatusOr<UpOptions> UpOptionParser::Finish() {
  BULKHEAD_RETURN_IF_FAILED(node_.Finish());
  if (up_.files.empty()) {
    return Failure("no file is given; name a file of Pod manifests, or - for the standard input");
  }
  if (cpus_ < 1 || cpus_ > kMaxNodeCpus) {
    return Failure("--cpus ", cpus_, " is not supported; a node has 1 to ", kMaxNodeCpus, " CPUs");
  }
  up_.cpus = static_cast<uint32_t>(cpus_);
  if (up_.cpus > 1 && up_.machine == MachineKind::kBochs) {
    return Failure("--cpus does not go with --machine bochs, which has one; leave one out");
  }
  if (up_.detach && up_.gdb) {
    return Failure("--detach does not go with --gdb, which waits for you; leave one out");
  }
  if (up_.detach && up_.name.empty()) up_.name = kDefaultNode;
  if (!up_.name.empty()) BULKHEAD_RETURN_IF_FAILED(CheckNodeName(up_.name));
  if (!memory_.empty()) {
    BULKHEAD_ASSIGN_OR_RETURN(up_.memory, ParseMemorySize(memory_));
  }
  return up_;
}

}  // namespace bulkhead
