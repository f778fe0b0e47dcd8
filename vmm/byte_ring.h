// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_VMM_BYTE_RING_H_
#define BULKHEAD_VMM_BYTE_RING_H_

// A byte stream through memory that two processes share: one writes, one reads. Neither trusts the
// other: each keeps its own index to itself and checks what it reads of the other's.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace bulkhead {

// At the start of the shared memory; the data follows. Indexes count bytes and wrap.
struct ByteRingHeader {
  alignas(64) std::atomic<uint32_t> written;
  alignas(64) std::atomic<uint32_t> read;
};
static_assert(sizeof(ByteRingHeader) == 128);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

namespace internal {

// `data.size()` is a power of two.
inline void CopyOut(std::span<const std::byte> data, uint32_t index, std::span<std::byte> to) {
  const size_t offset = index & (data.size() - 1);
  const size_t first = std::min(to.size(), data.size() - offset);
  std::memcpy(to.data(), data.data() + offset, first);
  std::memcpy(to.data() + first, data.data(), to.size() - first);
}

}  // namespace internal

class ByteRingWriter {
 public:
  ByteRingWriter() = default;
  // `memory`: header and a power of two of data bytes; zeroed.
  explicit ByteRingWriter(std::span<std::byte> memory)
      : header_(reinterpret_cast<ByteRingHeader*>(memory.data())),
        data_(memory.subspan(sizeof(ByteRingHeader))) {}

  // Bytes that can be written now. A reader that breaks the rules only hurts itself: 0.
  size_t room() const {
    const uint32_t used = written_ - header_->read.load(std::memory_order_acquire);
    return used > data_.size() ? 0 : data_.size() - used;
  }

  // Writes all of `bytes`, which must fit. Visible to the reader after Publish.
  void Write(std::span<const std::byte> bytes) {
    const size_t offset = written_ & (data_.size() - 1);
    const size_t first = std::min(bytes.size(), data_.size() - offset);
    std::memcpy(data_.data() + offset, bytes.data(), first);
    std::memcpy(data_.data(), bytes.data() + first, bytes.size() - first);
    written_ += static_cast<uint32_t>(bytes.size());
  }
  void Publish() { header_->written.store(written_, std::memory_order_release); }

 private:
  ByteRingHeader* header_ = nullptr;
  std::span<std::byte> data_;
  uint32_t written_ = 0;
};

class ByteRingReader {
 public:
  ByteRingReader() = default;
  explicit ByteRingReader(std::span<std::byte> memory)
      : header_(reinterpret_cast<ByteRingHeader*>(memory.data())),
        data_(memory.subspan(sizeof(ByteRingHeader))) {}

  // Bytes that can be read now; `*sane` is false when the writer's index cannot be right.
  size_t available(bool* sane) const {
    const uint32_t count = header_->written.load(std::memory_order_acquire) - read_;
    *sane = count <= data_.size();
    return *sane ? count : 0;
  }

  // Copies bytes that are available without consuming them.
  void Peek(std::span<std::byte> to) const { internal::CopyOut(data_, read_, to); }
  // Copies bytes that are available, at most `to.size()`, and consumes them.
  void Read(std::span<std::byte> to) {
    Peek(to);
    Consume(to.size());
  }
  void Consume(size_t count) {
    read_ += static_cast<uint32_t>(count);
    header_->read.store(read_, std::memory_order_release);
  }

 private:
  ByteRingHeader* header_ = nullptr;
  std::span<std::byte> data_;
  uint32_t read_ = 0;
};

}  // namespace bulkhead

#endif  // BULKHEAD_VMM_BYTE_RING_H_
