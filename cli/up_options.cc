// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/up_options.h"

#include "cli/failure.h"

namespace bulkhead {
namespace {

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

Examples:
  bulkhead up shop.yaml
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
  if (!memory_.empty()) {
    BULKHEAD_ASSIGN_OR_RETURN(up_.memory, ParseMemorySize(memory_));
  }
  return up_;
}

}  // namespace bulkhead
