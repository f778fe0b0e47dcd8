// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_KEEPER_CONTROL_SERVER_H_
#define BULKHEAD_CLI_KEEPER_CONTROL_SERVER_H_

#include <poll.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/keeper/protocol.h"
#include "cli/keeper/ring_log.h"
#include "cli/unique_fd.h"

namespace bulkhead {

// Somebody who has connected, and what is being done for them.
class ControlClient {
 public:
  explicit ControlClient(UniqueFd fd) : fd_(std::move(fd)), decoder_(kControlMaxRequest) {}

  const std::optional<ControlRequest>& request() const { return request_; }
  // Not for an answer that may be long while the client is slow to read.
  bool full() const { return out_.size() > kMaxPending; }
  void Send(ControlFrame type, const std::string& payload);
  // The last frame.
  void Finish(ControlFrame type, const std::string& payload);
  bool finished() const { return finished_; }

  RingLog::Cursor cursor;  // of kLogs
  bool placed = false;     // the cursor has been set, or what to end has been asked to
  bool asked = false;      // what the request asks for has been begun

 private:
  friend class ControlServer;
  static constexpr size_t kMaxPending = 256 * 1024;  // bytes

  void Read();
  void Write();

  UniqueFd fd_;
  ControlDecoder decoder_;
  std::optional<ControlRequest> request_;
  std::string out_;
  bool finished_ = false;
};

// The sockets of a node's clients: never blocks, holds a bounded amount for each of a bounded
// number of them. Only processes of our own user are served.
class ControlServer {
 public:
  static constexpr size_t kMaxClients = 32;

  // `listener`: non-blocking.
  explicit ControlServer(UniqueFd listener) : listener_(std::move(listener)) {}

  void AddDescriptors(std::vector<pollfd>* fds) const;
  // What poll(2) said about the descriptors added last. Afterwards clients may have requests.
  void Handle(std::span<const pollfd> fds);
  // Closes those that are done; call it after clients have been served.
  void Tidy();

  const std::vector<std::unique_ptr<ControlClient>>& clients() const { return clients_; }

 private:
  void Accept();

  UniqueFd listener_;
  std::vector<std::unique_ptr<ControlClient>> clients_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KEEPER_CONTROL_SERVER_H_
