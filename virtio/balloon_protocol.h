// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_BALLOON_PROTOCOL_H_
#define BULKHEAD_VIRTIO_BALLOON_PROTOCOL_H_

#include <cstddef>
#include <cstdint>

namespace bulkhead {

// virtio 1.2, 5.5.3.
inline constexpr uint64_t kBalloonFeatureStats = uint64_t{1} << 1;
inline constexpr uint64_t kBalloonFeatureDeflateOnOom = uint64_t{1} << 2;
inline constexpr uint64_t kBalloonFeaturePageReporting = uint64_t{1} << 5;

// The unit of page numbers, whatever the guest's page size (virtio 1.2, 5.5.6).
inline constexpr uint64_t kBalloonPageSize = 4096;

// The beginning of the configuration space (virtio 1.2, 5.5.4); the rest belongs to features that
// are not offered.
struct BalloonConfig {
  uint32_t wanted;  // pages that the device wants
  uint32_t actual;  // pages that it has; the driver writes this
};
static_assert(sizeof(BalloonConfig) == 8);

// An entry of the statistics (virtio 1.2, 5.5.6.3).
struct [[gnu::packed]] BalloonStat {
  uint16_t tag;
  uint64_t value;
};
static_assert(sizeof(BalloonStat) == 10);
static_assert(offsetof(BalloonStat, value) == 2);

// Tags that are looked at (virtio 1.2, 5.5.6.4); their values are bytes.
inline constexpr uint16_t kBalloonStatFree = 4;
inline constexpr uint16_t kBalloonStatTotal = 5;
inline constexpr uint16_t kBalloonStatAvailable = 6;
inline constexpr uint16_t kBalloonStatCaches = 7;

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_BALLOON_PROTOCOL_H_
