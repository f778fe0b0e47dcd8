// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_PUMP_H_
#define BULKHEAD_GUEST_INIT_PUMP_H_

// Carries bytes between containers' standard streams and the agent channel, and signals to them,
// until each has ended and everything it wrote is out.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "guest/init/agent_channel.h"
#include "guest/init/container.h"
#include "guest/init/failure.h"
#include "guest/init/message_parser.h"

namespace bulkhead {

class Pump final : public MessageHandler {
 public:
  // `child_signal` is a signalfd(2) for SIGCHLD, non-blocking.
  Pump(AgentChannel* channel, int child_signal);
  ~Pump() override;

  // Takes over the descriptors of a container that has been started.
  void Add(uint8_t number, const Container& container);

  // Waits until something happens, for at most `timeout_ms` (-1: for any time), and does what there
  // is to do. Fails when the host breaks the protocol or closes its end.
  MaybeFailure Step(int timeout_ms);

  struct Ended {
    uint8_t number;
    uint32_t status;  // as a shell has it
  };
  // A container whose process has ended and whose output is out; each once.
  std::optional<Ended> TakeEnded();

  // The host has sent a signal.
  bool signalled() const { return signalled_; }

  // Writes what is pending, then waits for kEnd (or the host's closing) for at most `timeout_ms`.
  // False if not everything could be written.
  bool Finish(uint32_t timeout_ms = kAgentEndTimeoutMs);

 private:
  struct Running {
    uint8_t number;
    Container container;
    bool ended = false;    // its process
    int fatal_signal = 0;  // what it was killed for; 0: nothing
    uint32_t status = 0;
  };

  void OnStdin(std::span<const uint8_t> bytes) override;
  void OnStdinEnd() override;
  void OnSignal(int signal) override;
  void OnEnd() override { end_seen_ = true; }

  void Reap();
  bool HasRemains() const;
  MaybeFailure ServePort(int16_t events);
  bool ReadPort();
  void ReadOutput(const Running& from, int* fd, AgentMessage type);
  void WriteStdin();
  void GrantCredit(size_t bytes);
  void CloseStdin();

  AgentChannel* const channel_;
  const int child_signal_;
  MessageParser parser_;
  std::vector<Running> running_;  // and those whose output is not out yet
  int stdin_fd_ = -1;             // of the container that has an input
  std::vector<uint8_t> input_;    // for it, not yet in its pipe
  size_t input_written_ = 0;
  uint32_t credit_ = 0;  // bytes to grant with the next kStdinCredit
  bool stdin_ended_ = false;
  bool signalled_ = false;
  bool end_seen_ = false;
  bool timed_out_ = false;
};

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_PUMP_H_
