// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_GUEST_AGENT_PROTOCOL_H_
#define BULKHEAD_GUEST_AGENT_PROTOCOL_H_

// The agent channel: a byte stream between a pod's `init` (virtio-console port named
// kAgentPortName) and the command line. The node passes it on unread. Each message is an
// AgentHeader and its payload; integers are little-endian. The guest is hostile: the command line
// ends the run at the first message that breaks these rules.
//
// The guest starts its containers, and starts them again, by the pod's own rules
// (guest/agent/pod_spec.h), and tells what happens. Of each container come, any number of times,
// kStarted, output and kExited, or kFailed; kPodEnded when nothing runs and nothing will.

#include <cstdint>

namespace bulkhead {

inline constexpr char kAgentPortName[] = "bulkhead.agent";
inline constexpr uint32_t kAgentProtocolVersion = 2;
inline constexpr uint32_t kAgentMaxPayload = 64 * 1024;  // bytes
inline constexpr uint32_t kAgentMaxContainers = 16;      // of a pod, init containers among them
inline constexpr uint8_t kAgentWholePod = 255;           // instead of a container's number

// Bytes of kStdin payload that may be sent before the first kStdinCredit. While the host keeps to
// its credit, a container that does not read its input never holds up a kSignal. A host that does
// not is not refused: the guest reads nothing more, signals included, until there is room.
inline constexpr uint32_t kAgentInitialStdinCredit = 256 * 1024;

// How long the guest waits for kEnd after its last message before it powers off. A virtio-console
// port cannot tell its writer when the host has consumed what was written, hence the answer. A
// megabyte may be on its way, and whoever reads it may be slow: this is for a host that is not
// there.
inline constexpr uint32_t kAgentEndTimeoutMs = 10 * 60 * 1000;

enum class AgentMessage : uint8_t {
  // From the guest.
  kHello = 1,        // u32 version; the first message
  kStarted = 2,      // the container's process runs
  kStdout = 3,       // of the container: bytes
  kStderr = 4,       // of the container: bytes
  kExited = 5,       // u32 exit status as a shell has it (128 + N for signal N); output has ended
  kFailed = 6,       // u32 exit status for the command line (125, 126, 127), then one line of text:
                     // why the container did not start; of kAgentWholePod, the last message: why
                     // the pod cannot go on
  kLog = 7,          // one line of text for --verbose
  kStdinCredit = 8,  // u32: so many more bytes of kStdin may be sent
  kPodEnded = 9,     // all containers have ended for good: the last message
  // To the guest.
  kStdin = 32,     // bytes, for the container that has an input
  kStdinEnd = 33,  // end of file
  kSignal = 34,    // u32 signal number, for the first process of each container that runs; no
                   // container is started from now on
  kEnd = 35,       // the last message has arrived: the guest need not wait to power off
};

struct AgentHeader {
  AgentMessage type;
  uint8_t container;    // its number, as in PodSpec; zero where none is meant
  uint8_t reserved[2];  // zero
  uint32_t length;      // bytes of payload
};
static_assert(sizeof(AgentHeader) == 8);

}  // namespace bulkhead

#endif  // BULKHEAD_GUEST_AGENT_PROTOCOL_H_
