// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/client/client.h"

#include <unistd.h>

#include "absl/strings/str_join.h"
#include "cli/client/connection.h"
#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {

absl::Status Print(int fd, const std::string& text) {
  return WriteAll(fd, text.data(), text.size(), "the output");
}

absl::Status RunClient(const ClientOptions& options, Progress* progress) {
  switch (options.command) {
    case ClientCommand::kPs:
      return ShowNodes(options);
    case ClientCommand::kLogs:
      return ShowLogs(options);
    case ClientCommand::kTop:
      return ShowTop(options);
    case ClientCommand::kStop:
      return StopPods(options, progress);
    case ClientCommand::kDown:
      return EndNode(options, progress);
  }
  return absl::OkStatus();
}

absl::Status ShowLogs(const ClientOptions& options) {
  ControlRequest request;
  request.kind = RequestKind::kLogs;
  request.pods = options.pods;
  request.container = options.container;
  request.follow = options.follow;
  request.tail = options.tail;
  BULKHEAD_ASSIGN_OR_RETURN(Connection node, Connection::Open(options.node, request));
  for (;;) {
    BULKHEAD_ASSIGN_OR_RETURN(const std::optional<ControlDecoder::Frame> frame,
                              node.Next(/*patient=*/options.follow, nullptr));
    // A node that ends ends its logs.
    if (!frame.has_value() || frame->type == ControlFrame::kAnswer) return absl::OkStatus();
    const bool notice = frame->type == ControlFrame::kNotice;
    BULKHEAD_RETURN_IF_FAILED(
        Print(frame->type == ControlFrame::kStdout ? STDOUT_FILENO : STDERR_FILENO,
              notice ? "bulkhead: " + Printable(frame->payload, 2000) + "\n" : frame->payload));
  }
}

absl::Status StopPods(const ClientOptions& options, Progress* progress) {
  ControlRequest request;
  request.kind = RequestKind::kStop;
  request.pods = options.pods;
  request.grace_seconds = options.time;
  BULKHEAD_ASSIGN_OR_RETURN(Connection node, Connection::Open(options.node, request));
  progress->Step("waiting for the end of " + absl::StrJoin(options.pods, ", "));
  const absl::StatusOr<Json> answer = node.Answer(/*patient=*/true, progress);
  progress->Finish();
  if (!answer.ok()) return answer.status();
  return Print(STDOUT_FILENO, absl::StrJoin(options.pods, "\n") + "\n");
}

absl::Status EndNode(const ClientOptions& options, Progress* progress) {
  UniqueFd fd;
  BULKHEAD_ASSIGN_OR_RETURN(NodePresence presence, ConnectToNode(options.node, &fd));
  if (presence == NodePresence::kNone) {
    return Print(STDOUT_FILENO, "node " + options.node + " is not there; nothing to do\n");
  }
  if (presence == NodePresence::kGone) {
    return Print(STDOUT_FILENO, "node " + options.node +
                                    " was gone already: the process that kept it was killed\n");
  }
  if (presence == NodePresence::kStarting) return NoNode(options.node, presence);
  ControlRequest request;
  request.kind = RequestKind::kDown;
  request.grace_seconds = options.time;
  BULKHEAD_ASSIGN_OR_RETURN(Connection node,
                            Connection::Start(options.node, std::move(fd), request));
  progress->Step("waiting for the pods of node " + options.node + " to end");
  const auto end = node.Next(/*patient=*/true, progress);
  progress->Finish();
  if (!end.ok()) return end.status();
  // The name is free before the connection ends, unless the node was killed meanwhile.
  BULKHEAD_ASSIGN_OR_RETURN(presence, ConnectToNode(options.node, &fd));
  if (presence == NodePresence::kKept) {
    return Failure("another node ", options.node, " has been started meanwhile");
  }
  return Print(STDOUT_FILENO, "node " + options.node + " is down\n");
}

}  // namespace bulkhead
