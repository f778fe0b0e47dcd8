// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_GUEST_APIC_H_
#define BULKHEAD_ARCH_X86_64_GUEST_APIC_H_

// A virtual processor's local interrupt controller, in x2APIC mode from reset on (Intel SDM 3A,
// 11.12; AMD APM 2, 16.11). Pure state: knows nothing of the hardware underneath. Times are ticks
// of the machine's counter, in which the guest's own counter is `tsc_offset` ahead.

#include <array>
#include <bit>
#include <cstdint>

namespace bulkhead::arch {

// A set of the 256 interrupt vectors whose highest is found at once: it is looked for at every
// entry into the guest, where it is nearly always empty.
class VectorSet {
 public:
  bool empty() const { return occupied_ == 0; }
  // -1: empty.
  int Highest() const {
    if (empty()) return -1;
    const auto word = static_cast<unsigned>(std::bit_width(occupied_) - 1);
    return static_cast<int>(word * 64) + std::bit_width(words_[word]) - 1;
  }
  // True if it was not there.
  bool Add(uint8_t vector) {
    uint64_t& word = words_[vector >> 6];
    const bool fresh = (word & Bit(vector)) == 0;
    word |= Bit(vector);
    occupied_ |= 1u << (vector >> 6);
    return fresh;
  }
  void Remove(uint8_t vector) {
    uint64_t& word = words_[vector >> 6];
    word &= ~Bit(vector);
    if (word == 0) occupied_ &= ~(1u << (vector >> 6));
  }
  // Vectors 32 * index to 32 * index + 31, as a register of the x2APIC shows them.
  uint32_t Register(uint32_t index) const {
    return static_cast<uint32_t>(words_[index / 2] >> (index % 2 * 32));
  }

 private:
  static constexpr uint64_t Bit(uint8_t vector) { return uint64_t{1} << (vector & 63); }

  std::array<uint64_t, 4> words_ = {};
  uint32_t occupied_ = 0;  // bit: that word is not zero
};

class GuestApic {
 public:
  enum class Access { kDone, kFault, kInterprocessor };

  explicit GuestApic(uint32_t id = 0) : id_(id) {}

  // MSRs 0x800 to 0x83f. kFault: the guest gets #GP. kInterprocessor: icr() wants delivery to
  // other virtual processors; delivery to itself is done.
  Access Read(uint32_t msr, uint64_t now, uint64_t* value) const;
  Access Write(uint32_t msr, uint64_t value, uint64_t now);

  uint64_t ReadTscDeadline() const { return deadline_mode() ? deadline_guest_ : 0; }
  void WriteTscDeadline(uint64_t guest_deadline);

  // Makes a vector pending; true if it was not. Vectors below 16 are ignored, as by the hardware.
  bool Request(uint8_t vector);
  // NMIs have no vector here and only pass through.
  bool RequestNmi();
  bool nmi() const { return nmi_; }
  void AcceptNmi() { nmi_ = false; }
  // The vector to deliver now, taking priorities into account; -1: none.
  int Highest() const { return requested_.empty() ? -1 : HighestDeliverable(); }
  // The vector to deliver if the task priority were zero; -1: none.
  int HighestHeldBack() const { return requested_.empty() ? -1 : HighestWithoutTaskPriority(); }
  // Whether anything is pending, deliverable or not.
  bool pending() const { return !requested_.empty() || nmi_; }
  // What a write of zero to the end-of-interrupt register does.
  [[gnu::always_inline]] void EndOfInterrupt() {
    if (!in_service_.empty()) in_service_.Remove(static_cast<uint8_t>(in_service_.Highest()));
  }
  // The processor took the vector that Highest returned.
  void Accept(int vector);

  // Task priority: CR8 is its upper half.
  uint8_t task_priority() const { return task_priority_; }
  void set_task_priority(uint8_t value) { task_priority_ = value; }

  // When the timer fires; ~0: not armed.
  uint64_t deadline() const { return deadline_; }
  // Makes the timer's vector pending if its time has come, and arms it again if it is periodic.
  void Expire(uint64_t now);

  uint64_t icr() const { return icr_; }
  // Whether an interrupt that another local controller sends with this ICR value is for this one.
  // Only fixed and NMI delivery: starting processors (INIT, start-up) does not exist yet.
  bool Receives(uint64_t icr) const;
  static bool IsNmi(uint64_t icr);
  uint32_t id() const { return id_; }
  void set_tsc_offset(uint64_t offset) { tsc_offset_ = offset; }

 private:
  bool deadline_mode() const { return (timer_ >> 17 & 3) == 2; }
  bool enabled() const { return (spurious_ & 0x100) != 0; }
  bool Addressed(uint64_t icr) const;
  int HighestDeliverable() const;
  int HighestWithoutTaskPriority() const;
  uint8_t ProcessorPriority() const;
  uint64_t TimerDivisor() const;
  void StartTimer(uint64_t now);
  Access WriteIcr(uint64_t value);

  uint32_t id_;
  uint8_t task_priority_ = 0;
  uint32_t spurious_ = 0xff;
  uint32_t error_ = 0;
  uint64_t icr_ = 0;
  uint32_t timer_ = 1 << 16;  // masked
  std::array<uint32_t, 5> local_vectors_ = {1 << 16, 1 << 16, 1 << 16, 1 << 16, 1 << 16};
  uint32_t initial_count_ = 0;
  uint32_t divide_ = 0;
  uint64_t deadline_ = ~uint64_t{0};
  uint64_t deadline_guest_ = 0;
  uint64_t tsc_offset_ = 0;
  bool nmi_ = false;
  VectorSet requested_;
  VectorSet in_service_;
};

}  // namespace bulkhead::arch

#endif  // BULKHEAD_ARCH_X86_64_GUEST_APIC_H_
