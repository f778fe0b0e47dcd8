// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VIRTIO_VIRTQUEUE_H_
#define BULKHEAD_VIRTIO_VIRTQUEUE_H_

#include <cstddef>
#include <cstdint>

#include "virtio/chain.h"
#include "virtio/guest_memory.h"
#include "virtio/ring_layout.h"

namespace bulkhead {

// What a guest can do wrong with a virtqueue. Each of them ends the pod.
enum class VirtqueueError : uint8_t {
  kNone = 0,
  kBadSize,                // queue size zero, above the limit or not a power of two
  kRingUnaligned,          // address of a ring part
  kRingOutsideMemory,      // a ring part is not all RAM
  kIndexAhead,             // more buffers available than the queue has descriptors
  kHeadOutOfRange,         // the available ring names a descriptor past the table
  kNextOutOfRange,         // a descriptor names a next one past the table
  kLoop,                   // a chain of more descriptors than the queue has
  kIndirect,               // an indirect descriptor, which was not offered
  kZeroLength,             // a descriptor of zero bytes
  kHugeLength,             // a descriptor past the end of RAM, or a chain above 4 GiB
  kOutsideMemory,          // a descriptor that starts outside RAM
  kReadableAfterWritable,  // virtio 1.2, 2.7.4.2
  kBadRequest,             // well-formed descriptors, but not what this device's buffers are
};

// One line for the user, without newline.
const char* VirtqueueErrorText(VirtqueueError error);

// Device side of a split virtqueue (virtio 1.2, 2.7). Indirect descriptors are not offered: they
// would be a second table to check for every buffer, and none of the devices here has requests of
// so many segments that a driver would gain by it. One thread at a time.
//
// After the first error the queue is dead until Reset.
class Virtqueue {
 public:
  struct Rings {
    GuestPhysical descriptors{};
    GuestPhysical available{};  // "driver area"
    GuestPhysical used{};       // "device area"
  };
  enum class PopResult : uint8_t { kChain, kEmpty, kError };

  // Starts to serve the rings. `size` may be at most `limit` (at most kVirtqueueMaxSize).
  // `memory` must outlive the queue or its next Reset. On an error the queue is dead.
  VirtqueueError Enable(const GuestMemory& memory, uint16_t size, uint16_t limit,
                        const Rings& rings, bool event_idx);
  void Reset() { *this = Virtqueue(); }

  bool ready() const { return memory_ != nullptr && error_ == VirtqueueError::kNone; }
  uint16_t size() const { return size_; }
  VirtqueueError error() const { return error_; }

  // Takes the next available buffer. kEmpty also asks the driver to notify of the next one, so a
  // device that stops before kEmpty has to come back by itself. kEmpty if not ready.
  PopResult Pop(VirtqueueChain& chain);
  // Puts the buffer that was popped last (and not pushed) back, to be popped again.
  void Unpop() { --next_available_; }
  // Gives a popped buffer back, with so many bytes written into it.
  void Push(const VirtqueueChain& chain, uint32_t written) { Push(chain.head(), written); }
  // The same for a device that has kept no more of it than its head.
  void Push(uint16_t head, uint32_t written);
  // Whether the driver wants an interrupt for the buffers pushed since the last call.
  bool TakeInterrupt();
  // Declares the queue dead.
  void Fail(VirtqueueError error);

 private:
  bool RefreshAvailable();
  VirtqueueError ReadChain(uint16_t head, VirtqueueChain& chain) const;
  VirtqueueError AddSegment(const VirtqDescriptor& descriptor, VirtqueueChain& chain) const;

  const GuestMemory* memory_ = nullptr;
  const uint64_t* descriptors_ = nullptr;
  const uint16_t* available_ = nullptr;
  uint16_t* used_ = nullptr;
  uint16_t size_ = 0;
  uint16_t available_index_ = 0;  // last seen
  uint16_t next_available_ = 0;
  uint16_t next_used_ = 0;
  uint16_t signalled_used_ = 0;
  bool event_idx_ = false;
  VirtqueueError error_ = VirtqueueError::kNone;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VIRTIO_VIRTQUEUE_H_
