// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/node_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "cli/failure.h"
#include "cli/files.h"

namespace bulkhead {
namespace {

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json Bytes(uint64_t value) { return value == kStatsUnknown ? Json() : Json(value); }

ControlFrame FrameOf(LogStream stream) {
  switch (stream) {
    case LogStream::kStdout:
      return ControlFrame::kStdout;
    case LogStream::kStderr:
      return ControlFrame::kStderr;
    case LogStream::kNotice:
      break;
  }
  return ControlFrame::kNotice;
}

std::vector<std::string> ContainerNames(const PodSession& pod) {
  std::vector<std::string> names;
  for (const SessionContainer& container : pod.pod().containers) names.push_back(container.name);
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NodeKeeper>> NodeKeeper::Create(
    const std::string& name, std::function<void(const NodeHome&)> on_started) {
  BULKHEAD_ASSIGN_OR_RETURN(NodeHome home, NodeHome::Claim(name));
  return std::unique_ptr<NodeKeeper>(new NodeKeeper(name, std::move(on_started), std::move(home)));
}

absl::Status NodeKeeper::OnSession(NodeSession* session) {
  session_ = session;
  for (size_t i = 0; i <= session->pods().size(); ++i) {
    BULKHEAD_ASSIGN_OR_RETURN(RingLog log, RingLog::Create(TemporaryRoot()));
    logs_.push_back(std::move(log));
  }
  BULKHEAD_ASSIGN_OR_RETURN(UniqueFd listener, home_.Listen());
  server_.emplace(std::move(listener));
  return absl::OkStatus();
}

void NodeKeeper::Handle(std::span<const pollfd> fds) {
  CheckStart();
  server_->Handle(fds);
  for (const auto& client : server_->clients()) {
    if (client->request().has_value() && !client->finished()) Serve(client.get());
  }
  server_->Tidy();
}

void NodeKeeper::CheckStart() {
  if (!on_started_ || session_->ended()) return;
  for (const auto& pod : session_->pods()) {
    const std::optional<SessionResult>& result = pod->result();
    if (!result.has_value() || (pod->started() && result->error.empty())) continue;
    session_->Fail(
        result->exit_status == 0 ? kExitOwnError : result->exit_status,
        "pod " + pod->pod().name + ": " + result->error + "; the node has been taken down");
    return;
  }
  if (!session_->AllStarted()) return;
  session_->Keep();
  std::exchange(on_started_, nullptr)(home_);
}

void NodeKeeper::OnLine(const PodSession& pod, size_t container, bool is_stderr,
                        const std::string& line) {
  logs_[pod.index()].Append(
      {is_stderr ? LogStream::kStderr : LogStream::kStdout, static_cast<uint8_t>(container), line});
}

void NodeKeeper::OnNodeLine(const std::string& line) {
  logs_.back().Append({LogStream::kStdout, 0, line});
}

void NodeKeeper::OnPodResult(const PodSession& pod) {
  const SessionResult& result = *pod.result();
  const std::string what = result.error.empty()
                               ? "ended with exit status " + std::to_string(result.exit_status)
                               : result.error;
  logs_[pod.index()].Append({LogStream::kNotice, 0, "pod " + pod.pod().name + ": " + what});
}

void NodeKeeper::OnStats(const NodeStats& node, std::span<const PodStats> pods) {
  Json answer = {{"node", name_},
                 {"time", node.time},
                 {"memory", node.memory},
                 {"memory_used", node.memory_used},
                 {"hypervisor", node.hypervisor},
                 {"pods", Json::array()}};
  for (size_t i = 0; i < std::min(pods.size(), session_->pods().size()); ++i) {
    answer["pods"].push_back({{"name", session_->pods()[i]->pod().name},
                              {"cpu", pods[i].cpu},
                              {"guest", pods[i].guest},
                              {"guest_used", Bytes(pods[i].guest_used)},
                              {"page_tables", Bytes(pods[i].page_tables)},
                              {"vmm", pods[i].vmm}});
  }
  for (const auto& client : server_->clients()) {
    if (!client->asked || client->request()->kind != RequestKind::kStats) continue;
    client->Finish(ControlFrame::kAnswer, Dump(answer));
  }
}

void NodeKeeper::Serve(ControlClient* client) {
  const bool first = !std::exchange(client->asked, true);
  const ControlRequest& request = *client->request();
  switch (request.kind) {
    case RequestKind::kStatus:
      return client->Finish(ControlFrame::kAnswer, Dump(Status()));
    case RequestKind::kLogs:
      return ServeLogs(client);
    case RequestKind::kStats:
      if (session_->ended()) {
        return client->Finish(ControlFrame::kError,
                              "the node runs no more; 'bulkhead ps' shows why");
      }
      if (first) session_->AskStats();
      return;
    case RequestKind::kStop:
      return ServeStop(client);
    case RequestKind::kDown:
      // The end of the connection is the answer.
      if (first) session_->Leave(request.grace_seconds);
      return;
  }
}

const PodSession* NodeKeeper::FindPod(ControlClient* client, const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& pod : session_->pods()) {
    if (pod->pod().name == name) return pod.get();
    names.push_back(pod->pod().name);
  }
  client->Finish(ControlFrame::kError,
                 absl::StrCat("node ", name_, " has no pod '", Printable(name),
                              "'; it has: ", absl::StrJoin(names, ", ")));
  return nullptr;
}

bool NodeKeeper::CheckContainer(ControlClient* client, const PodSession& pod) const {
  const std::string& wanted = client->request()->container;
  const std::vector<std::string> all = ContainerNames(pod);
  if (wanted.empty() || std::find(all.begin(), all.end(), wanted) != all.end()) return true;
  client->Finish(ControlFrame::kError,
                 absl::StrCat("pod ", pod.pod().name, " has no container '", Printable(wanted),
                              "'; it has: ", absl::StrJoin(all, ", ")));
  return false;
}

void NodeKeeper::ServeLogs(ControlClient* client) {
  const ControlRequest& request = *client->request();
  const PodSession* pod = nullptr;
  if (!request.pods.empty()) {
    pod = FindPod(client, request.pods[0]);
    if (pod == nullptr || !CheckContainer(client, *pod)) return;
  }
  const RingLog& log = pod != nullptr ? logs_[pod->index()] : logs_.back();
  if (!client->placed) {
    client->placed = true;
    client->cursor = log.Start(request.tail);
  }
  while (!client->full()) {
    uint64_t skipped = 0;
    const std::optional<LogRecord> record = log.Read(&client->cursor, &skipped);
    if (skipped > 0) {
      client->Send(ControlFrame::kNotice,
                   std::to_string(skipped) + " lines are gone: newer ones have taken their room");
    }
    if (!record.has_value()) {
      const bool over = session_->ended() || (pod != nullptr && pod->over());
      if (!request.follow || over) client->Finish(ControlFrame::kAnswer, "{}");
      return;
    }
    if (record->stream != LogStream::kNotice && pod != nullptr && !request.container.empty() &&
        (record->source >= pod->pod().containers.size() ||
         pod->pod().containers[record->source].name != request.container)) {
      continue;
    }
    const bool line = record->stream != LogStream::kNotice;
    client->Send(FrameOf(record->stream), line ? record->text + "\n" : record->text);
  }
}

void NodeKeeper::ServeStop(ControlClient* client) {
  const ControlRequest& request = *client->request();
  std::vector<const PodSession*> pods;
  for (const std::string& name : request.pods) {
    const PodSession* const pod = FindPod(client, name);
    if (pod == nullptr) return;  // and none is stopped
    pods.push_back(pod);
  }
  if (!client->placed) {
    client->placed = true;
    for (const PodSession* pod : pods) session_->AskToEnd(pod->index(), request.grace_seconds);
  }
  const bool all = std::all_of(pods.begin(), pods.end(),
                               [](const PodSession* pod) { return pod->over() && pod->gone(); });
  if (all || session_->ended()) client->Finish(ControlFrame::kAnswer, Dump(Status()));
}

// In Kubernetes' words.
std::string NodeKeeper::PodStatus(const PodSession& pod) const {
  const std::optional<SessionResult>& result = pod.result();
  if (result.has_value() && !pod.over()) return "CrashLoopBackOff";
  if (result.has_value()) return result->exit_status == 0 ? "Completed" : "Error";
  if (session_->ended()) return "Unknown";
  if (pod.leaving()) return "Terminating";
  return pod.started() ? "Running" : "ContainerCreating";
}

Json NodeKeeper::Status() const {
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - created_).count();
  const bool failed = session_->ended() && !session_->result().error.empty();
  Json pods = Json::array();
  for (const auto& pod : session_->pods()) {
    Json one = {{"name", pod->pod().name},
                {"containers", ContainerNames(*pod)},
                {"status", PodStatus(*pod)},
                {"restarts", pod->restarts()},
                {"age_seconds", age}};
    if (pod->result().has_value()) {
      one["exit_status"] = pod->result()->exit_status;
      one["message"] = pod->result()->error;
    }
    pods.push_back(std::move(one));
  }
  return {{"name", name_},
          {"status", failed                ? "Failed"
                     : session_->leaving() ? "Terminating"
                     : session_->hello()   ? "Running"
                                           : "Starting"},
          {"message", failed ? session_->result().error : ""},
          {"age_seconds", age},
          {"pods", std::move(pods)}};
}

}  // namespace bulkhead
