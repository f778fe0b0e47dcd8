// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/keeper/ring_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/failure.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMarkDistance = 64 * 1024;  // bytes

struct RecordHeader {
  uint32_t length;  // bytes of text
  LogStream stream;
  uint8_t source;
  uint16_t reserved;
};
static_assert(sizeof(RecordHeader) == 8);

}  // namespace

absl::StatusOr<RingLog> RingLog::Create(const std::string& directory, uint64_t capacity) {
  std::string path = directory + "/log-XXXXXX";
  UniqueFd file(mkostemp(path.data(), O_CLOEXEC));
  if (!file.valid()) return ErrnoFailure("cannot make a log in " + directory, errno);
  unlink(path.c_str());
  return RingLog(std::move(file), std::max(capacity, 4 * kMarkDistance));
}

bool RingLog::Transfer(bool write, uint64_t offset, char* data, size_t size) const {
  while (size > 0) {
    const uint64_t at = offset % capacity_;
    const size_t part = std::min<uint64_t>(size, capacity_ - at);
    const ssize_t n = write ? pwrite(file_.get(), data, part, static_cast<off_t>(at))
                            : pread(file_.get(), data, part, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    offset += static_cast<uint64_t>(n);
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

// The marks whose records are being overwritten.
void RingLog::Forget() {
  while (marks_.size() > 1 && marks_.front().offset + capacity_ < end_) marks_.pop_front();
}

void RingLog::Append(const LogRecord& record) {
  const size_t length = std::min(record.text.size(), kMaxText);
  const RecordHeader header = {static_cast<uint32_t>(length), record.stream, record.source, 0};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(record.text, 0, length);
  if (marks_.empty() || end_ - marks_.back().offset >= kMarkDistance) {
    marks_.push_back({end_, records_});
  }
  const uint64_t start = end_;
  end_ += bytes.size();
  Forget();
  if (Transfer(/*write=*/true, start, bytes.data(), bytes.size())) {
    ++records_;
    return;
  }
  // A part of it may have replaced the oldest: they stay forgotten.
  end_ = start;
}

RingLog::Cursor RingLog::Start(std::optional<uint64_t> tail) const {
  if (marks_.empty()) return {};
  const uint64_t first = tail.has_value() ? records_ - std::min(records_, *tail) : 0;
  Cursor cursor = marks_.front();
  for (const Cursor& mark : marks_) {
    if (mark.record <= first) cursor = mark;
  }
  uint64_t skipped = 0;
  while (cursor.record < first && Read(&cursor, &skipped).has_value()) {
  }
  return cursor;
}

std::optional<LogRecord> RingLog::Read(Cursor* cursor, uint64_t* skipped) const {
  if (!marks_.empty() && cursor->offset < marks_.front().offset) {
    *skipped += marks_.front().record - cursor->record;
    *cursor = marks_.front();
  }
  RecordHeader header;
  if (cursor->offset >= end_ ||
      !Transfer(false, cursor->offset, reinterpret_cast<char*>(&header), sizeof(header)) ||
      header.length > kMaxText) {
    return std::nullopt;
  }
  LogRecord record = {header.stream, header.source, std::string(header.length, '\0')};
  if (!Transfer(false, cursor->offset + sizeof(header), record.text.data(), header.length)) {
    return std::nullopt;
  }
  cursor->offset += sizeof(header) + header.length;
  ++cursor->record;
  return record;
}

}  // namespace bulkhead
