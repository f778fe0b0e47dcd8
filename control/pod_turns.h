// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_POD_TURNS_H_
#define BULKHEAD_CONTROL_POD_TURNS_H_

#include <array>
#include <bit>
#include <cstdint>

#include "control/node_frame.h"

namespace bulkhead {

// Which pods the supervisor has to look at. An event has fewer bits than a node has pods: a few
// pods share one, so that what happens to one pod costs a look at those few, not at all.
class PodTurns {
 public:
  // The bit of the supervisor's event that says that `pod`, or one that shares it, wants a turn.
  static constexpr uint64_t Bit(uint16_t pod) { return uint64_t{1} << (1 + pod % kBits); }
  // The bit that is left to others.
  static constexpr uint64_t kOtherBit = 1;

  void Add(uint16_t pod) { wanting_[pod / 64] |= uint64_t{1} << (pod % 64); }
  // All pods whose bits are in `bits`, as the event gave them.
  void AddSignalled(uint64_t bits);

  // Calls serve(pod) once for each that wants a turn. One for whom it returns false has not got all
  // it wanted, and has another turn the next time. Each time another pod is first: whoever is may
  // leave nothing to the others.
  template <typename Serve>
  void Run(Serve serve);

 private:
  static constexpr uint16_t kBits = 63;
  static constexpr uint16_t kWords = kMaxNodePods / 64;
  static_assert(kMaxNodePods % 64 == 0);
  using Set = std::array<uint64_t, kWords>;

  // The first of `set` from `from` on; kMaxNodePods if there is none.
  static uint16_t Next(const Set& set, uint16_t from);

  Set wanting_ = {};
  uint16_t first_ = 0;
};

inline void PodTurns::AddSignalled(uint64_t bits) {
  for (bits &= ~kOtherBit; bits != 0; bits &= bits - 1) {
    const auto first = static_cast<uint16_t>(std::countr_zero(bits) - 1);
    for (uint16_t pod = first; pod < kMaxNodePods; pod += kBits) Add(pod);
  }
}

inline uint16_t PodTurns::Next(const Set& set, uint16_t from) {
  for (uint16_t word = from / 64; word < kWords; ++word, from = 0) {
    const uint64_t rest = set[word] & (~uint64_t{0} << (from % 64));
    if (rest != 0) return static_cast<uint16_t>(word * 64 + std::countr_zero(rest));
  }
  return kMaxNodePods;
}

template <typename Serve>
void PodTurns::Run(Serve serve) {
  const Set turns = wanting_;
  wanting_ = {};
  const auto run = [&](uint16_t from, uint16_t end) {
    for (uint16_t pod = Next(turns, from); pod < end; pod = Next(turns, pod + 1)) {
      if (!serve(pod)) Add(pod);
    }
  };
  run(first_, kMaxNodePods);
  run(0, first_);
  first_ = (first_ + 1) % kMaxNodePods;
}

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_POD_TURNS_H_
