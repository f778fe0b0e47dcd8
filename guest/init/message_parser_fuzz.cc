// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// Any stream of bytes from the host, cut anywhere: the parser keeps its rules. The first byte of
// the input is the size of the pieces.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "guest/init/message_parser.h"

namespace {

class Checker : public bulkhead::MessageHandler {
 public:
  void OnStdin(std::span<const uint8_t> bytes) override {
    if (ended_ || bytes.empty()) std::abort();
    total_ += bytes.size();
  }
  void OnStdinEnd() override {
    if (ended_) std::abort();
    ended_ = true;
  }
  void OnSignal(int signal) override {
    if (signal < 1 || signal > 64) std::abort();
  }
  void OnEnd() override {}
  size_t total() const { return total_; }

 private:
  size_t total_ = 0;
  bool ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = data[0] == 0 ? size : data[0];
  std::span<const uint8_t> stream(data + 1, size - 1);
  Checker checker;
  bulkhead::MessageParser parser(&checker);
  bool good = true;
  for (size_t at = 0; at < stream.size(); at += piece) {
    const bool now = parser.Feed(stream.subspan(at, std::min(piece, stream.size() - at)));
    if (now && !good) std::abort();
    if (now != (parser.error() == nullptr)) std::abort();
    good = now;
  }
  if (checker.total() > stream.size()) std::abort();
  return 0;
}
