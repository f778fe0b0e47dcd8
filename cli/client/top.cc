// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_join.h"
#include "cli/client/client.h"
#include "cli/client/connection.h"
#include "cli/client/table.h"
#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr int kOnceMs = 1000;
constexpr int kIntervalMs = 2000;
constexpr uint64_t kMillisecond = 1'000'000;  // nanoseconds

absl::StatusOr<Json> Sample(const std::string& name) {
  ControlRequest request;
  request.kind = RequestKind::kStats;
  BULKHEAD_ASSIGN_OR_RETURN(Connection node, Connection::Open(name, request));
  return node.Answer(/*patient=*/false, nullptr);
}

const Json& FindPod(const Json& sample, const std::string& name) {
  for (const Json& pod : Member(sample, "pods")) {
    if (StringMember(pod, "name") == name) return pod;
  }
  return Member(Json(), "");
}

std::string Bytes(const Json& pod, const char* name) {
  const std::optional<uint64_t> bytes = NumberMember(pod, name);
  return bytes.has_value() ? FormatBytes(*bytes) : "-";
}

// In a node's time, of what it gave the pod between two samples; a pod that was started again has
// had less than before.
std::string Percent(const Json& before, const Json& now, const Json& pod) {
  const uint64_t from = NumberMember(FindPod(before, StringMember(pod, "name")), "cpu").value_or(0);
  const uint64_t to = NumberMember(pod, "cpu").value_or(0);
  const uint64_t start = NumberMember(before, "time").value_or(0);
  const uint64_t end = NumberMember(now, "time").value_or(0);
  if (to < from || end <= start) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f",
                100.0 * static_cast<double>(to - from) / static_cast<double>(end - start));
  return text;
}

absl::Status CheckPods(const ClientOptions& options, const Json& sample) {
  for (const std::string& name : options.pods) {
    if (!FindPod(sample, name).is_null()) continue;
    std::vector<std::string> names;
    for (const Json& pod : Member(sample, "pods")) names.push_back(StringMember(pod, "name"));
    return Failure("node ", options.node, " has no pod '", Printable(name),
                   "'; it has: ", Printable(absl::StrJoin(names, ", "), 4000));
  }
  return absl::OkStatus();
}

std::string Table(const ClientOptions& options, const Json& before, const Json& now) {
  std::vector<std::vector<std::string>> rows = {
      {"POD", "CPU(ms)", "CPU(%)", "GUEST", "USED", "PAGE-TABLES", "VMM"}};
  for (const Json& pod : Member(now, "pods")) {
    const std::string name = StringMember(pod, "name");
    if (!options.pods.empty() &&
        std::find(options.pods.begin(), options.pods.end(), name) == options.pods.end()) {
      continue;
    }
    if (NumberMember(pod, "guest").value_or(0) == 0) {
      rows.push_back({Printable(name), "-", "-", "-", "-", "-", "-"});  // it does not run
      continue;
    }
    rows.push_back({Printable(name),
                    std::to_string(NumberMember(pod, "cpu").value_or(0) / kMillisecond),
                    Percent(before, now, pod), Bytes(pod, "guest"), Bytes(pod, "guest_used"),
                    Bytes(pod, "page_tables"), Bytes(pod, "vmm")});
  }
  return "node " + options.node + ": memory " + Bytes(now, "memory_used") + " of " +
         Bytes(now, "memory") + ", hypervisor " + Bytes(now, "hypervisor") + "\n" +
         FormatTable(rows);
}

}  // namespace

absl::Status ShowTop(const ClientOptions& options) {
  BULKHEAD_ASSIGN_OR_RETURN(Json before, Sample(options.node));
  BULKHEAD_RETURN_IF_FAILED(CheckPods(options, before));
  const bool terminal = isatty(STDOUT_FILENO) == 1 && !options.once;
  for (;;) {
    // A rate takes two samples.
    (void)poll(nullptr, 0, options.once ? kOnceMs : kIntervalMs);
    BULKHEAD_ASSIGN_OR_RETURN(Json now, Sample(options.node));
    // ECMA-48: cursor home (CUP), then erase to the screen's end (ED).
    const std::string clear = terminal ? "\x1b[H\x1b[J" : "";
    BULKHEAD_RETURN_IF_FAILED(Print(STDOUT_FILENO, clear + Table(options, before, now)));
    if (options.once) return absl::OkStatus();
    before = std::move(now);
  }
}

}  // namespace bulkhead
