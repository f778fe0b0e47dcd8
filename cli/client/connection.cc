// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/client/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr int kTickMs = 200;
constexpr std::chrono::seconds kPatience(10);

}  // namespace

absl::Status NoNode(const std::string& node, NodePresence presence) {
  switch (presence) {
    case NodePresence::kStarting:
      return Failure("node ", node, " has not booted yet; try again in a moment");
    case NodePresence::kGone:
      return Failure("node ", node,
                     " is gone: the process that kept it was killed; 'bulkhead up --detach' starts "
                     "one again");
    default:
      return Failure("there is no node ", node,
                     "; 'bulkhead ps' shows those that there are, 'bulkhead up --detach FILE' "
                     "starts one");
  }
}

absl::StatusOr<Connection> Connection::Open(const std::string& node,
                                            const ControlRequest& request) {
  UniqueFd fd;
  BULKHEAD_ASSIGN_OR_RETURN(const NodePresence presence, ConnectToNode(node, &fd));
  if (presence != NodePresence::kKept) return NoNode(node, presence);
  return Start(node, std::move(fd), request);
}

absl::StatusOr<Connection> Connection::Start(const std::string& node, UniqueFd fd,
                                             const ControlRequest& request) {
  const std::string frame = EncodeControlFrame(ControlFrame::kRequest, EncodeRequest(request));
  if (frame.size() > kControlMaxRequest) return Failure("too many names are given; give fewer");
  // A new socket's buffer takes it whole.
  if (send(fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(frame.size())) {
    return ErrnoFailure("cannot speak with node " + node, errno);
  }
  return Connection(node, std::move(fd));
}

absl::StatusOr<std::optional<ControlDecoder::Frame>> Connection::Next(bool patient,
                                                                      Progress* progress) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    std::optional<ControlDecoder::Frame> frame = decoder_.Next();
    if (decoder_.broken()) {
      return Failure("node ", node_,
                     " does not speak our protocol; use the version of bulkhead "
                     "that started it");
    }
    if (frame.has_value() && frame->type == ControlFrame::kError) {
      return Failure(Printable(frame->payload, 4000));
    }
    if (frame.has_value()) return frame;
    pollfd wait = {fd_.get(), POLLIN, 0};
    const int ready = poll(&wait, 1, kTickMs);
    if (progress != nullptr) progress->Tick();
    if (ready <= 0) {
      if (patient || std::chrono::steady_clock::now() < deadline) continue;
      return Failure("node ", node_, " does not answer; try again, or 'bulkhead down --name ",
                     node_, "'");
    }
    char buffer[16 * 1024];
    const ssize_t n = recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::optional<ControlDecoder::Frame>();
    decoder_.Feed({buffer, static_cast<size_t>(n)});
  }
}

absl::StatusOr<Json> Connection::Answer(bool patient, Progress* progress) {
  BULKHEAD_ASSIGN_OR_RETURN(const std::optional<ControlDecoder::Frame> frame,
                            Next(patient, progress));
  if (!frame.has_value()) {
    return Failure("node ", node_,
                   " ended before it had answered; 'bulkhead ps' shows what is "
                   "there");
  }
  const std::optional<Json> json = ParseJson(frame->payload);
  if (frame->type != ControlFrame::kAnswer || !json.has_value()) {
    return Failure("node ", node_,
                   " gave an answer that is none; use the version of bulkhead that "
                   "started it");
  }
  return *json;
}

}  // namespace bulkhead
