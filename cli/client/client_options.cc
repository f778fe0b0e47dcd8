// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/client/client_options.h"

#include "cli/failure.h"
#include "cli/keeper/node_home.h"
#include "cli/keeper/protocol.h"

namespace bulkhead {

CLI::App* ClientOptionParser::Add(CLI::App* app, ClientCommand command, const char* name,
                                  const char* summary, const char* description,
                                  const char* footer) {
  CLI::App* const out = app->add_subcommand(name, summary);
  out->description(description);
  out->footer(footer);
  out->set_help_flag("-h,--help", "Show this help");
  out->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  out->add_option("--name", options_.node,
                  command == ClientCommand::kPs ? "Only this node" : "The node (default node)")
      ->type_name("NODE");
  commands_[static_cast<size_t>(command)] = out;
  return out;
}

void ClientOptionParser::AddTo(CLI::App* app) {
  CLI::App* ps = Add(app, ClientCommand::kPs, "ps", "Show nodes and their pods",
                     "Shows the nodes that 'bulkhead up --detach' or 'up --name' has started, with "
                     "their pods,\nthose that have ended included. STATUS has Kubernetes' words.",
                     "Exit status: 0, also if there is no node; 1 if a node does not answer.");
  ps->add_option("--format", format_, "table (default) or json")->type_name("FORMAT");

  CLI::App* logs =
      Add(app, ClientCommand::kLogs, "logs", "Show what a pod has written",
          "Shows the last 16 MiB of a pod's output, stdout on stdout and stderr on stderr; "
          "without POD the node's\nown log and the kernels'.",
          "Exit status: 0, or 1 with a message.\n\nExamples:\n  bulkhead logs web-0\n"
          "  bulkhead logs -f --tail 10 web-0/hello");
  logs->add_flag("-f,--follow", options_.follow, "Go on until the pod has ended for good");
  logs->add_option("--tail", tail_, "Begin with the last N lines")->type_name("N");
  logs->add_option("POD", options_.pods, "A pod, or POD/CONTAINER")->expected(0, 1);

  CLI::App* top =
      Add(app, ClientCommand::kTop, "top", "Show CPU time and memory of pods",
          "Shows, every two seconds, for each pod the CPU time of guest and VMM since the pod's "
          "start, and as a part\nof one CPU since the last line; the memory given to the guest, "
          "what the guest uses of it, page tables,\nand everything beyond the guest's memory (VMM, "
          "page tables included). '-' is not known.",
          "Exit status: 0, or 1 with a message.");
  top->add_flag("--once", options_.once, "Once, over one second");
  top->add_option("POD", options_.pods, "Only these")->option_text("...");

  CLI::App* stop = Add(app, ClientCommand::kStop, "stop", "Stop pods",
                       "Asks pods to end (SIGTERM), stops them when their grace period has passed, "
                       "and waits for it.\nThey are not started again.",
                       "Exit status: 0, or 1 with a message.");
  CLI::App* down = Add(app, ClientCommand::kDown, "down", "Stop a node and its pods",
                       "Asks all pods to end (SIGTERM), stops those whose grace period has passed, "
                       "then ends the node, and waits\nfor it. Nothing of it stays. A node that is "
                       "not there is no error.",
                       "Exit status: 0, or 1 with a message.");
  for (CLI::App* command : {stop, down}) {
    command->add_option("-t,--time", time_, "Grace period in seconds instead of each pod's own")
        ->type_name("SECONDS");
  }
  stop->add_option("POD", options_.pods, "The pods")->option_text("...");
}

const CLI::App* ClientOptionParser::parsed() const {
  for (const CLI::App* command : commands_) {
    if (command->parsed()) return command;
  }
  return nullptr;
}

absl::StatusOr<ClientOptions> ClientOptionParser::Finish() {
  const CLI::App* const command = parsed();
  for (size_t i = 0; i < commands_.size(); ++i) {
    if (commands_[i] == command) options_.command = static_cast<ClientCommand>(i);
  }
  if (options_.node.empty() && options_.command != ClientCommand::kPs) {
    options_.node = kDefaultNode;
  }
  if (!options_.node.empty()) BULKHEAD_RETURN_IF_FAILED(CheckNodeName(options_.node));
  options_.json = format_ == "json";
  if (!options_.json && format_ != "table") {
    return Failure("there is no format '", Printable(format_), "'; use table or json");
  }
  if (command->get_option_no_throw("--tail") != nullptr && command->count("--tail") > 0) {
    if (tail_ > kMaxTailLines) return Failure("--tail is too large; leave it out for all lines");
    options_.tail = tail_;
  }
  if (command->get_option_no_throw("--time") != nullptr && command->count("--time") > 0) {
    if (time_ > kMaxGraceSeconds) return Failure("--time is too large; give a week at most");
    options_.time = time_;
  }
  if (options_.command == ClientCommand::kStop && options_.pods.empty()) {
    return Failure("no pod is given; 'bulkhead ps' shows them, 'bulkhead down' stops all");
  }
  if (options_.command == ClientCommand::kLogs && !options_.pods.empty()) {
    std::string& pod = options_.pods[0];
    if (const size_t slash = pod.find('/'); slash != std::string::npos) {
      options_.container = pod.substr(slash + 1);
      pod.resize(slash);
      if (options_.container.empty()) return Failure("no container is given after the '/'");
    }
  }
  return options_;
}

}  // namespace bulkhead
