// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CLI_KEEPER_RING_LOG_H_
#define BULKHEAD_CLI_KEEPER_RING_LOG_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "cli/unique_fd.h"

namespace bulkhead {

enum class LogStream : uint8_t { kStdout = 1, kStderr = 2, kNotice = 3 };

struct LogRecord {
  LogStream stream = LogStream::kStdout;
  uint8_t source = 0;  // whoever wrote it, by a number that the log's owner gives
  std::string text;    // at most kMaxText bytes
};

// The last records of somebody who may write without end, in a file that never grows beyond a
// bound: the oldest make room. The file has no name, so it is gone with the process.
class RingLog {
 public:
  static constexpr uint64_t kDefaultCapacity = uint64_t{16} << 20;  // bytes
  static constexpr size_t kMaxText = 64 * 1024;                     // bytes

  // `directory`: of the file. `capacity`: of it, in bytes.
  static absl::StatusOr<RingLog> Create(const std::string& directory,
                                        uint64_t capacity = kDefaultCapacity);

  // What cannot be written (the disk is full) is lost.
  void Append(const LogRecord& record);

  // A reader's place. Records before it may go while it waits.
  struct Cursor {
    uint64_t offset = 0;
    uint64_t record = 0;
  };
  // From the last `tail` records on; all that are there without it.
  Cursor Start(std::optional<uint64_t> tail) const;
  // The record at the place, which moves on; none at the end. `skipped` grows by the records that
  // were gone before they were read.
  std::optional<LogRecord> Read(Cursor* cursor, uint64_t* skipped) const;

 private:
  RingLog(UniqueFd file, uint64_t capacity) : file_(std::move(file)), capacity_(capacity) {}

  bool Transfer(bool write, uint64_t offset, char* data, size_t size) const;
  void Forget();

  UniqueFd file_;
  uint64_t capacity_;
  uint64_t end_ = 0;          // bytes ever written: where the next record goes, modulo the capacity
  uint64_t records_ = 0;      // ever written
  std::deque<Cursor> marks_;  // some records' places, the oldest that is left among them
};

}  // namespace bulkhead

#endif  // BULKHEAD_CLI_KEEPER_RING_LOG_H_
