// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/node_frame.h"

#include <cstring>

namespace bulkhead {
namespace {

uint32_t HeaderChecksum(const NodeFrameHeader& header) {
  std::array<std::byte, offsetof(NodeFrameHeader, checksum)> bytes;
  std::memcpy(bytes.data(), &header, bytes.size());
  return Crc32(bytes);
}

}  // namespace

uint32_t Crc32(std::span<const std::byte> bytes) {
  constexpr uint32_t kPolynomial = 0xedb88320;
  uint32_t crc = ~uint32_t{0};
  for (const std::byte byte : bytes) {
    crc ^= static_cast<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
  }
  return ~crc;
}

NodeFrameHeader MakeNodeFrameHeader(NodeFrameType type, uint16_t pod, uint32_t length) {
  NodeFrameHeader header = {
      .magic = kNodeFrameMagic,
      .type = type,
      .reserved = 0,
      .pod = pod,
      .length = length,
      .checksum = 0,
  };
  header.checksum = HeaderChecksum(header);
  return header;
}

bool NodeFrameHeaderValid(const NodeFrameHeader& header) {
  return header.magic == kNodeFrameMagic && header.reserved == 0 &&
         header.length <= kNodeFrameMaxPayload && header.checksum == HeaderChecksum(header);
}

}  // namespace bulkhead
