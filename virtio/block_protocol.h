// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_BLOCK_PROTOCOL_H_
#define BULKHEAD_VIRTIO_BLOCK_PROTOCOL_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

// virtio 1.2, 5.2.3.
inline constexpr uint64_t kBlockFeatureSizeMax = uint64_t{1} << 1;
inline constexpr uint64_t kBlockFeatureSegMax = uint64_t{1} << 2;
inline constexpr uint64_t kBlockFeatureReadOnly = uint64_t{1} << 5;
inline constexpr uint64_t kBlockFeatureBlockSize = uint64_t{1} << 6;

inline constexpr uint64_t kSectorSize = 512;  // the unit of addresses, whatever the block size
inline constexpr size_t kBlockIdBytes = 20;

// The beginning of the configuration space (virtio 1.2, 5.2.4); the rest belongs to features that
// are not offered.
struct BlockConfig {
  uint64_t capacity;  // sectors
  uint32_t size_max;  // bytes in a segment
  uint32_t seg_max;   // data segments in a request
  uint16_t cylinders;
  uint8_t heads;
  uint8_t sectors;
  uint32_t block_size;  // bytes
};
static_assert(sizeof(BlockConfig) == 24);
static_assert(offsetof(BlockConfig, seg_max) == 12);
static_assert(offsetof(BlockConfig, block_size) == 20);

// virtio 1.2, 5.2.6.
enum class BlockRequestType : uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8 };

struct BlockRequestHeader {
  BlockRequestType type;
  uint32_t reserved;
  uint64_t sector;
};
static_assert(sizeof(BlockRequestHeader) == 16);
static_assert(offsetof(BlockRequestHeader, sector) == 8);

enum class BlockStatus : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_BLOCK_PROTOCOL_H_
