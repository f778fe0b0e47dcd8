// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_NODE_FRAME_H_
#define BULKHEAD_CONTROL_NODE_FRAME_H_

// The node channel: one byte stream between a node's supervisor and whoever drives the node (the
// command line on a developer's machine). It carries frames; every frame is a header and its
// payload. Integers are little-endian. Either side ends the connection at the first header that
// does not check: a stream cannot be resynchronised.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "vmm/pod_end.h"

namespace bulkhead {

inline constexpr uint32_t kNodeFrameMagic = 0x314b4842;  // "BHK1"
inline constexpr uint32_t kNodeProtocolVersion = 2;
inline constexpr uint32_t kNodeFrameMaxPayload = 32 * 1024;  // bytes
// What the node may have under way that the other side has not said it has taken (kTaken): bytes of
// frames, headers included, and frames. Links such as QEMU's console port drop what the other side
// has no room for; a socket's buffer always has room for this much.
inline constexpr uint32_t kNodeWindowBytes = 64 * 1024;
inline constexpr uint32_t kNodeWindowFrames = 64;
// Whoever reads says so at the latest when it has taken this much.
inline constexpr uint32_t kNodeTakenBytes = kNodeWindowBytes / 4;
inline constexpr uint32_t kNodeTakenFrames = kNodeWindowFrames / 4;
inline constexpr uint16_t kMaxNodePods = 128;
// Bytes of kAgentInput that may be under way to one pod before it grants more.
inline constexpr uint32_t kNodeInitialCredit = 64 * 1024;

enum class NodeFrameType : uint8_t {
  // From the node.
  kHello = 1,        // u32 protocol version, u32 number of pods
  kAgentOutput = 2,  // bytes from the pod's guest agent (guest/agent/protocol.h)
  kConsole = 3,      // bytes the guest kernel wrote on its console
  kLog = 4,          // one line of text from supervisor or VMM, without newline
  kAgentCredit = 5,  // u32: so many more bytes of kAgentInput may be sent to this pod
  kPodEnded = 6,     // PodEnd as u32, then text that says why
  kNodeEnded = 7,    // the node is about to power off
  kNodeError = 8,    // text: the node cannot go on; it powers off
  kStats = 9,        // the answer to kStatsRequest (control/node_stats.h)
  // To the node.
  kAgentInput = 32,    // bytes to the pod's guest agent
  kPodStop = 33,       // end the pod at once
  kTaken = 34,         // u32 bytes, u32 frames: taken since the last kTaken
  kPodStart = 35,      // start a pod again that has ended
  kNodeLeave = 36,     // a node that stays when its pods have ended powers off then after all
  kStatsRequest = 37,  // asks for one kStats; those not answered yet get one answer together
};

struct NodeFrameHeader {
  uint32_t magic;
  NodeFrameType type;
  uint8_t reserved;
  uint16_t pod;       // index of the pod; 0 for frames about the node
  uint32_t length;    // bytes of payload
  uint32_t checksum;  // Crc32 of the 12 bytes before it
};
static_assert(sizeof(NodeFrameHeader) == 16);

// CRC-32 (IEEE 802.3, reflected, as in zlib) of `bytes`.
uint32_t Crc32(std::span<const std::byte> bytes);

NodeFrameHeader MakeNodeFrameHeader(NodeFrameType type, uint16_t pod, uint32_t length);

// Whether a received header is one: magic, length, reserved byte and checksum.
bool NodeFrameHeaderValid(const NodeFrameHeader& header);

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_NODE_FRAME_H_
