// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/protocol.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cli/failure.h"
#include "cli/json.h"

namespace bulkhead {
namespace {

constexpr std::pair<RequestKind, const char*> kKinds[] = {{RequestKind::kStatus, "status"},
                                                          {RequestKind::kLogs, "logs"},
                                                          {RequestKind::kStats, "stats"},
                                                          {RequestKind::kStop, "stop"},
                                                          {RequestKind::kDown, "down"}};

absl::Status BadRequest() { return Failure("the request is not one that this node understands"); }

// The member as a number up to `most`, if it is there; false: it is something else.
bool TakeNumber(const Json& object, const char* name, uint64_t most, std::optional<uint64_t>* out) {
  if (Member(object, name).is_null()) return true;
  *out = NumberMember(object, name);
  return out->has_value() && **out <= most;
}

}  // namespace

std::string EncodeControlFrame(ControlFrame type, const std::string& payload) {
  const ControlHeader header = {kControlMagic, type, {}, static_cast<uint32_t>(payload.size())};
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) + payload;
}

std::optional<ControlDecoder::Frame> ControlDecoder::Next() {
  ControlHeader header;
  if (broken_ || buffer_.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, buffer_.data(), sizeof(header));
  const bool reserved = std::any_of(std::begin(header.reserved), std::end(header.reserved),
                                    [](uint8_t byte) { return byte != 0; });
  if (header.magic != kControlMagic || reserved || header.length > limit_ ||
      header.type < ControlFrame::kRequest || header.type > ControlFrame::kNotice) {
    broken_ = true;
    buffer_.clear();
    return std::nullopt;
  }
  if (buffer_.size() - sizeof(header) < header.length) return std::nullopt;
  Frame frame = {header.type, buffer_.substr(sizeof(header), header.length)};
  buffer_.erase(0, sizeof(header) + header.length);
  return frame;
}

std::string EncodeRequest(const ControlRequest& request) {
  Json json = {{"version", kControlVersion}, {"pods", request.pods}};
  for (const auto& [kind, name] : kKinds) {
    if (kind == request.kind) json["request"] = name;
  }
  if (!request.container.empty()) json["container"] = request.container;
  if (request.follow) json["follow"] = true;
  if (request.tail.has_value()) json["tail"] = *request.tail;
  if (request.grace_seconds.has_value()) json["grace"] = *request.grace_seconds;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<ControlRequest> ParseRequest(const std::string& text) {
  const std::optional<Json> json = ParseJson(text);
  if (!json.has_value() || !json->is_object()) return BadRequest();
  if (NumberMember(*json, "version") != kControlVersion) {
    return Failure("the node was started by another version of bulkhead; use that one");
  }
  ControlRequest out;
  const std::string name = StringMember(*json, "request");
  const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                 [&](const auto& one) { return name == one.second; });
  if (kind == std::end(kKinds)) return BadRequest();
  out.kind = kind->first;
  out.pods = StringsMember(*json, "pods");
  if (out.pods.size() > kMaxRequestPods) return BadRequest();
  if (out.kind == RequestKind::kStop && out.pods.empty()) return BadRequest();
  if (out.kind == RequestKind::kLogs && out.pods.size() > 1) return BadRequest();
  out.container = StringMember(*json, "container");
  out.follow = Member(*json, "follow") == true;
  if (!TakeNumber(*json, "tail", kMaxTailLines, &out.tail) ||
      !TakeNumber(*json, "grace", kMaxGraceSeconds, &out.grace_seconds)) {
    return BadRequest();
  }
  return out;
}

}  // namespace bulkhead
