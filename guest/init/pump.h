// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_INIT_PUMP_H_
#define BULKHEAD_GUEST_INIT_PUMP_H_

// Carries bytes between a container's standard streams and the agent channel, and signals to it,
// until it has ended and everything it wrote is out.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "guest/init/agent_channel.h"
#include "guest/init/container.h"
#include "guest/init/failure.h"
#include "guest/init/message_parser.h"

namespace bulkhead {

class Pump final : public MessageHandler {
 public:
  // `child_signal` is a signalfd(2) for SIGCHLD, non-blocking. Takes over the container's
  // descriptors.
  Pump(AgentChannel* channel, int child_signal, const Container& container);
  ~Pump() override;

  // Returns when the container has ended and its output is read to its end. `on_container_end` is
  // called in between: it must see to it that nobody keeps the other ends of the pipes open.
  // `exit_status` becomes the status as a shell has it. Fails when the host breaks the protocol or
  // closes its end.
  MaybeFailure Run(const std::function<void()>& on_container_end, uint32_t* exit_status);

  // Writes what is pending, then waits for kEnd (or the host's closing) for at most `timeout_ms`.
  // False if not everything could be written.
  bool Finish(uint32_t timeout_ms = kAgentEndTimeoutMs);

 private:
  enum class Stream { kStdout, kStderr };

  void OnStdin(std::span<const uint8_t> bytes) override;
  void OnStdinEnd() override;
  void OnSignal(int signal) override;
  void OnEnd() override { end_seen_ = true; }

  MaybeFailure Step(int timeout_ms);
  void Reap();
  bool ReadPort();
  void ReadOutput(int* fd, AgentMessage type);
  void WriteStdin();
  void GrantCredit(size_t bytes);
  void CloseStdin();

  AgentChannel* const channel_;
  const int child_signal_;
  Container container_;
  MessageParser parser_;
  std::vector<uint8_t> input_;  // for the container, not yet in its pipe
  size_t input_written_ = 0;
  uint32_t credit_ = 0;  // bytes to grant with the next kStdinCredit
  bool stdin_ended_ = false;
  bool ended_ = false;
  bool end_seen_ = false;
  bool timed_out_ = false;
  int fatal_signal_ = 0;  // what the container was killed for; 0: nothing
  uint32_t exit_status_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_INIT_PUMP_H_
