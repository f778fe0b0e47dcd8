// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <unistd.h>

#include "absl/strings/str_join.h"
#include "cli/client/client.h"
#include "cli/client/connection.h"
#include "cli/client/table.h"
#include "cli/failure.h"

namespace bulkhead {
namespace {

void AddRows(const Json& node, std::vector<std::vector<std::string>>* rows) {
  const std::string name = Printable(StringMember(node, "name"));
  rows->push_back({name, "-", "-", Printable(StringMember(node, "status")), "-",
                   FormatAge(NumberMember(node, "age_seconds").value_or(0))});
  for (const Json& pod : Member(node, "pods")) {
    rows->push_back({name, Printable(StringMember(pod, "name")),
                     Printable(absl::StrJoin(StringsMember(pod, "containers"), ",")),
                     Printable(StringMember(pod, "status")),
                     std::to_string(NumberMember(pod, "restarts").value_or(0)),
                     FormatAge(NumberMember(pod, "age_seconds").value_or(0))});
  }
}

absl::StatusOr<Json> AskStatus(const std::string& name) {
  BULKHEAD_ASSIGN_OR_RETURN(Connection node, Connection::Open(name, ControlRequest()));
  return node.Answer(/*patient=*/false, nullptr);
}

void Complain(const std::string& text) { (void)Print(STDERR_FILENO, "bulkhead: " + text + "\n"); }

}  // namespace

absl::Status ShowNodes(const ClientOptions& options) {
  std::vector<std::string> names = {options.node};
  if (options.node.empty()) {
    BULKHEAD_ASSIGN_OR_RETURN(names, NodeNames());
  }
  Json nodes = Json::array();
  absl::Status all = absl::OkStatus();
  for (const std::string& name : names) {
    UniqueFd fd;
    BULKHEAD_ASSIGN_OR_RETURN(const NodePresence presence, ConnectToNode(name, &fd));
    if (presence == NodePresence::kNone) continue;
    if (presence != NodePresence::kKept) {
      Complain(std::string(NoNode(name, presence).message()));
      continue;
    }
    const absl::StatusOr<Json> status = AskStatus(name);
    if (status.ok()) {
      nodes.push_back(*status);
      const std::string message = StringMember(*status, "message");
      if (!message.empty()) {
        Complain("node " + name + ": " + Printable(message) + "; 'bulkhead logs --name " + name +
                 "' shows its log, 'bulkhead down --name " + name + "' removes it");
      }
    } else {
      Complain(std::string(status.status().message()));
      all = Failure("");
    }
  }
  if (options.json) {
    BULKHEAD_RETURN_IF_FAILED(Print(STDOUT_FILENO, Json({{"nodes", nodes}}).dump(2) + "\n"));
    return all;
  }
  if (nodes.empty()) {
    BULKHEAD_RETURN_IF_FAILED(
        Print(STDOUT_FILENO, "no node is running; 'bulkhead up --detach FILE' starts one\n"));
    return all;
  }
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "POD", "CONTAINERS", "STATUS", "RESTARTS", "AGE"}};
  for (const Json& node : nodes) AddRows(node, &rows);
  BULKHEAD_RETURN_IF_FAILED(Print(STDOUT_FILENO, FormatTable(rows)));
  return all;
}

}  // namespace bulkhead
