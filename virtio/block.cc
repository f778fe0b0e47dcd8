// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "virtio/block.h"

#include <algorithm>
#include <cstring>

namespace bulkhead {

void BlockDevice::ReadConfig(uint32_t offset, std::span<std::byte> out) const {
  const BlockConfig config = {
      .capacity = capacity(),
      .size_max = kSizeMax,
      .seg_max = kSegMax,
      .cylinders = 0,
      .heads = 0,
      .sectors = 0,
      .block_size = kSectorSize,
  };
  CopyConfig(std::as_bytes(std::span(&config, 1)), offset, out);
}

bool BlockDevice::Notify(uint16_t queue_index) {
  if (!active() || queue_index != 0) return false;
  Virtqueue& queue = queues_[0];
  uint64_t bytes_read = 0;
  bool more = true;
  for (uint16_t turn = 0; turn < queue.size() && bytes_read < kBytesPerTurn; ++turn) {
    if (queue.Pop(chain_) != Virtqueue::PopResult::kChain) {
      more = false;
      break;
    }
    if (!Serve(&bytes_read)) {
      queue.Fail(VirtqueueError::kBadRequest);
      more = false;
      break;
    }
  }
  InterruptIfWanted(queue);
  return more;
}

bool BlockDevice::Serve(uint64_t* bytes_read) {
  BlockRequestHeader header;
  SegmentCursor request(chain_.readable());
  if (request.CopyOut(std::as_writable_bytes(std::span(&header, 1))) != sizeof(header) ||
      chain_.writable_bytes() == 0) {
    return false;  // nowhere to write even a status
  }
  // The last writable byte is the status, whatever segment it is in.
  const SegmentCursor data(chain_.writable());
  const uint64_t length = chain_.writable_bytes() - 1;
  Answer answer = {.status = BlockStatus::kUnsupported};
  switch (header.type) {
    case BlockRequestType::kIn:
      answer = Read(header.sector, data, length);
      *bytes_read += answer.written;
      break;
    case BlockRequestType::kOut:  // the disk is read-only (5.2.6.2)
      answer.status = BlockStatus::kIoError;
      break;
    case BlockRequestType::kFlush:  // nothing is ever dirty
      answer.status = BlockStatus::kOk;
      break;
    case BlockRequestType::kGetId:
      answer = GetId(data, length);
      break;
  }
  SegmentCursor status(chain_.writable());
  status.Skip(length);
  status.CopyIn(std::as_bytes(std::span(&answer.status, 1)));
  // The used length counts from the buffer's start (virtio 1.2, 2.7.8.2), so the status is in it
  // only if everything before it was written.
  const bool all = answer.written == length;
  queues_[0].Push(chain_, all ? answer.written + 1 : answer.written);
  return true;
}

BlockDevice::Answer BlockDevice::Read(uint64_t sector, SegmentCursor data, uint64_t length) const {
  const uint64_t end = capacity();
  if (length % kSectorSize != 0 || length > kMaxRequestBytes || sector > end ||
      length / kSectorSize > end - sector) {
    return {.status = BlockStatus::kIoError};
  }
  const uint64_t start = sector * kSectorSize;  // cannot wrap: sector <= capacity
  const uint64_t stored =
      std::min<uint64_t>(length, image_.size() - std::min<uint64_t>(start, image_.size()));
  if (stored > 0) data.CopyIn(image_.subspan(start, stored));
  data.FillZero(length - stored);
  return {.status = BlockStatus::kOk, .written = static_cast<uint32_t>(length)};
}

BlockDevice::Answer BlockDevice::GetId(SegmentCursor data, uint64_t length) const {
  // Not terminated if it fills the field (5.2.6.1).
  std::array<char, kBlockIdBytes> id = {};
  std::memcpy(id.data(), id_.data(), std::min(id_.size(), id.size()));
  const size_t count = std::min<uint64_t>(length, id.size());
  data.CopyIn(std::as_bytes(std::span(id)).first(count));
  return {.status = BlockStatus::kOk, .written = static_cast<uint32_t>(count)};
}

}  // namespace bulkhead
