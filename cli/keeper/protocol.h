// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_KEEPER_PROTOCOL_H_
#define BULKHEAD_CLI_KEEPER_PROTOCOL_H_

// What `bulkhead ps` and the other commands say to the process that keeps a node, over a Unix
// socket: one request, then its answer. Both are frames of a header and a payload. Either side
// closes the connection at the first frame that breaks a rule.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bulkhead {

inline constexpr uint32_t kControlMagic = 0x314b4342;       // "BCK1"
inline constexpr uint32_t kControlVersion = 1;              // of the requests
inline constexpr uint32_t kControlMaxRequest = 16 * 1024;   // bytes of payload
inline constexpr uint32_t kControlMaxAnswer = 1024 * 1024;  // likewise
inline constexpr size_t kMaxRequestPods = 256;              // named in one request
inline constexpr uint64_t kMaxGraceSeconds = 7 * 24 * 60 * 60;
inline constexpr uint64_t kMaxTailLines = 1'000'000'000;

enum class ControlFrame : uint8_t {
  kRequest = 1,  // to the keeper: a JSON object
  // From the keeper:
  kAnswer = 2,  // a JSON object; the last frame
  kError = 3,   // a line for the user; the last frame
  kStdout = 4,  // a line of a container's output with its end, as it wrote it
  kStderr = 5,
  kNotice = 6,  // a line about what is shown, without its end
};

struct ControlHeader {
  uint32_t magic;
  ControlFrame type;
  uint8_t reserved[3];  // zero
  uint32_t length;      // bytes of payload
};
static_assert(sizeof(ControlHeader) == 12);

std::string EncodeControlFrame(ControlFrame type, const std::string& payload);

// Takes a stream of frames in pieces of any size. Holds what has not been taken, which the owner
// bounds by feeding only when Next has given nothing.
class ControlDecoder {
 public:
  // `limit`: bytes of the largest payload.
  explicit ControlDecoder(uint32_t limit) : limit_(limit) {}

  struct Frame {
    ControlFrame type;
    std::string payload;
  };

  void Feed(std::span<const char> bytes) { buffer_.append(bytes.data(), bytes.size()); }
  // The next whole frame, if there is one and the stream is not broken.
  std::optional<Frame> Next();
  bool broken() const { return broken_; }

 private:
  const uint32_t limit_;
  std::string buffer_;
  bool broken_ = false;
};

enum class RequestKind { kStatus, kLogs, kStats, kStop, kDown };

struct ControlRequest {
  RequestKind kind = RequestKind::kStatus;
  std::vector<std::string> pods;          // kStop: some; kLogs: none (the node's log) or one
  std::string container;                  // kLogs; empty: all of the pod's
  bool follow = false;                    // kLogs
  std::optional<uint64_t> tail;           // kLogs: lines; all without it
  std::optional<uint64_t> grace_seconds;  // kStop, kDown: instead of each pod's own
};

std::string EncodeRequest(const ControlRequest& request);
// The message of a failure is for the user.
absl::StatusOr<ControlRequest> ParseRequest(const std::string& json);

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KEEPER_PROTOCOL_H_
