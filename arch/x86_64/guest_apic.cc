// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "arch/x86_64/guest_apic.h"

namespace bulkhead::arch {
namespace {

enum Register : uint32_t {  // MSR numbers (Intel SDM 3A, table 11-6)
  kId = 0x802,
  kVersion = 0x803,
  kTaskPriority = 0x808,
  kProcessorPriority = 0x80a,
  kEndOfInterrupt = 0x80b,
  kLogicalDestination = 0x80d,
  kSpurious = 0x80f,
  kInService = 0x810,
  kTriggerMode = 0x818,
  kRequested = 0x820,
  kError = 0x828,
  kIcr = 0x830,
  kTimer = 0x832,
  kLocalVectorFirst = 0x833,  // thermal, performance, LINT0, LINT1, error
  kLocalVectorLast = 0x837,
  kInitialCount = 0x838,
  kCurrentCount = 0x839,
  kDivide = 0x83e,
  kSelfInterrupt = 0x83f,
};

// Fields of the interrupt command register (Intel SDM 3A, 11.6.1).
enum Delivery : uint64_t { kFixed = 0, kNonMaskable = 4 };
enum Shorthand : uint64_t { kNoShorthand = 0, kSelf = 1, kAll = 2, kOthers = 3 };
constexpr uint64_t DeliveryOf(uint64_t icr) { return icr >> 8 & 7; }
constexpr uint64_t ShorthandOf(uint64_t icr) { return icr >> 18 & 3; }

constexpr uint32_t kVersionValue = 0x14 | 5 << 16;  // integrated, six local vectors
constexpr uint64_t kNever = ~uint64_t{0};
constexpr uint32_t kMasked = 1 << 16;
constexpr uint32_t kPeriodic = 1 << 17;
constexpr uint32_t kTimerWritable = 0xff | kMasked | 3 << 17;
constexpr uint32_t kLocalVectorWritable = 0xff | 7 << 8 | 1 << 13 | 1 << 15 | kMasked;
constexpr uint8_t kFirstVector = 16;

}  // namespace

uint8_t GuestApic::ProcessorPriority() const {
  const int serving = in_service_.Highest();
  const uint8_t service_class = serving < 0 ? 0 : static_cast<uint8_t>(serving & 0xf0);
  return (task_priority_ & 0xf0) >= service_class ? task_priority_ : service_class;
}

int GuestApic::HighestDeliverable() const {
  const int vector = requested_.Highest();
  if (!enabled()) return -1;
  return (vector & 0xf0) > (ProcessorPriority() & 0xf0) ? vector : -1;
}

int GuestApic::HighestWithoutTaskPriority() const {
  if (!enabled()) return -1;
  const int vector = requested_.Highest();
  const int serving = in_service_.Highest();
  return serving < 0 || (vector & 0xf0) > (serving & 0xf0) ? vector : -1;
}

void GuestApic::Accept(int vector) {
  requested_.Remove(static_cast<uint8_t>(vector));
  in_service_.Add(static_cast<uint8_t>(vector));
}

bool GuestApic::Request(uint8_t vector) { return vector >= kFirstVector && requested_.Add(vector); }

bool GuestApic::RequestNmi() {
  const bool fresh = !nmi_;
  nmi_ = true;
  return fresh;
}

bool GuestApic::IsNmi(uint64_t icr) { return DeliveryOf(icr) == kNonMaskable; }

uint64_t GuestApic::TimerDivisor() const {
  // Bits 3, 1 and 0 give the power of two; 111 means one (Intel SDM 3A, 11.5.4).
  const uint32_t code = (divide_ & 3) | (divide_ >> 1 & 4);
  return uint64_t{1} << ((code + 1) & 7);
}

// The timer's input clock is the machine's counter.
void GuestApic::StartTimer(uint64_t now) {
  deadline_ = initial_count_ == 0 ? kNever : now + initial_count_ * TimerDivisor();
}

void GuestApic::WriteTscDeadline(uint64_t guest_deadline) {
  if (!deadline_mode()) return;
  deadline_guest_ = guest_deadline;
  if (guest_deadline == 0) {
    deadline_ = kNever;
  } else if (static_cast<int64_t>(tsc_offset_) >= 0) {
    // The guest's counter is ahead: an earlier deadline has passed.
    deadline_ = guest_deadline > tsc_offset_ ? guest_deadline - tsc_offset_ : 0;
  } else {
    // It is behind: one that the machine's counter cannot reach stays far away.
    const uint64_t behind = uint64_t{0} - tsc_offset_;
    deadline_ = guest_deadline < kNever - behind ? guest_deadline + behind : kNever;
  }
}

void GuestApic::Expire(uint64_t now) {
  if (now < deadline_) return;
  if ((timer_ & kMasked) == 0) Request(static_cast<uint8_t>(timer_));
  if (deadline_mode() || (timer_ & kPeriodic) == 0) {
    deadline_ = kNever;
    deadline_guest_ = 0;
    return;
  }
  // Periods that passed unseen are one interrupt, as on hardware that was not looked at.
  const uint64_t period = initial_count_ * TimerDivisor();
  deadline_ += period * ((now - deadline_) / period + 1);
}

GuestApic::Access GuestApic::Read(uint32_t msr, uint64_t now, uint64_t* value) const {
  switch (msr) {
    case kId:
      *value = id_;
      return Access::kDone;
    case kVersion:
      *value = kVersionValue;
      return Access::kDone;
    case kTaskPriority:
      *value = task_priority_;
      return Access::kDone;
    case kProcessorPriority:
      *value = ProcessorPriority();
      return Access::kDone;
    case kLogicalDestination:
      *value = uint64_t{id_ >> 4} << 16 | uint64_t{1} << (id_ & 15);
      return Access::kDone;
    case kSpurious:
      *value = spurious_;
      return Access::kDone;
    case kError:
      *value = error_;
      return Access::kDone;
    case kIcr:
      *value = icr_;
      return Access::kDone;
    case kTimer:
      *value = timer_;
      return Access::kDone;
    case kInitialCount:
      *value = initial_count_;
      return Access::kDone;
    case kCurrentCount: {
      const bool running = deadline_ != kNever && !deadline_mode() && deadline_ > now;
      *value = running ? (deadline_ - now) / TimerDivisor() : 0;
      return Access::kDone;
    }
    case kDivide:
      *value = divide_;
      return Access::kDone;
    default:
      break;
  }
  if (msr >= kLocalVectorFirst && msr <= kLocalVectorLast) {
    *value = local_vectors_[msr - kLocalVectorFirst];
    return Access::kDone;
  }
  if (msr >= kInService && msr < kInService + 8) {
    *value = in_service_.Register(msr - kInService);
  } else if (msr >= kRequested && msr < kRequested + 8) {
    *value = requested_.Register(msr - kRequested);
  } else if (msr >= kTriggerMode && msr < kTriggerMode + 8) {
    *value = 0;  // every interrupt here is an edge
  } else {
    return Access::kFault;
  }
  return Access::kDone;
}

// By its destination field (Intel SDM 3A, 11.12.9 and 11.12.10).
bool GuestApic::Addressed(uint64_t icr) const {
  const auto destination = static_cast<uint32_t>(icr >> 32);
  if (destination == ~uint32_t{0}) return true;
  const bool logical = (icr >> 11 & 1) != 0;
  if (!logical) return destination == id_;
  return destination >> 16 == id_ >> 4 && (destination >> (id_ & 15) & 1) != 0;
}

bool GuestApic::Receives(uint64_t icr) const {
  if (DeliveryOf(icr) != kFixed && !IsNmi(icr)) return false;
  switch (ShorthandOf(icr)) {
    case kNoShorthand:
      return Addressed(icr);
    case kSelf:
      return false;
    default:
      return true;
  }
}

GuestApic::Access GuestApic::WriteIcr(uint64_t value) {
  icr_ = value;
  const uint64_t shorthand = ShorthandOf(value);
  const bool to_self =
      shorthand == kSelf || shorthand == kAll || (shorthand == kNoShorthand && Addressed(value));
  if (to_self && DeliveryOf(value) == kFixed) Request(static_cast<uint8_t>(value));
  if (to_self && IsNmi(value)) RequestNmi();
  const bool logical = (value >> 11 & 1) != 0;
  const bool only_self =
      shorthand == kSelf || (shorthand == kNoShorthand && !logical && value >> 32 == id_);
  return only_self ? Access::kDone : Access::kInterprocessor;
}

GuestApic::Access GuestApic::Write(uint32_t msr, uint64_t value, uint64_t now) {
  // Reserved bits fault in x2APIC mode; every register but ICR has 32 bits.
  if (msr != kIcr && value >> 32 != 0) return Access::kFault;
  const auto word = static_cast<uint32_t>(value);
  switch (msr) {
    case kEndOfInterrupt:
      if (value != 0) return Access::kFault;
      EndOfInterrupt();
      return Access::kDone;
    case kIcr:
      return WriteIcr(value);
    case kTaskPriority:
      if (value > 0xff) return Access::kFault;
      task_priority_ = static_cast<uint8_t>(value);
      return Access::kDone;
    case kSpurious:
      spurious_ = word & 0x1ff;
      return Access::kDone;
    case kError:
      if (value != 0) return Access::kFault;
      error_ = 0;
      return Access::kDone;
    case kTimer: {
      const bool was_deadline = deadline_mode();
      timer_ = word & kTimerWritable;
      // Changing between deadline and count modes disarms (Intel SDM 3A, 11.5.4.1).
      if (was_deadline != deadline_mode()) {
        deadline_ = kNever;
        deadline_guest_ = 0;
      }
      return Access::kDone;
    }
    case kInitialCount:
      if (deadline_mode()) return Access::kDone;
      initial_count_ = word;
      StartTimer(now);
      return Access::kDone;
    case kDivide:
      divide_ = word & 0xb;
      return Access::kDone;
    case kSelfInterrupt:
      if (value > 0xff) return Access::kFault;
      Request(static_cast<uint8_t>(value));
      return Access::kDone;
    default:
      break;
  }
  if (msr >= kLocalVectorFirst && msr <= kLocalVectorLast) {
    local_vectors_[msr - kLocalVectorFirst] = word & kLocalVectorWritable;
    return Access::kDone;
  }
  return Access::kFault;
}

}  // namespace bulkhead::arch
