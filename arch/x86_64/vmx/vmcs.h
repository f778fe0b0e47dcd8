// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_ARCH_X86_64_VMX_VMCS_H_
#define BULKHEAD_ARCH_X86_64_VMX_VMCS_H_

// The virtual machine control structure: fields by width, and the only way to reach them (Intel
// SDM 3C, 25 and 3D, appendix B).

#include <cstdint>

#include "arch/x86_64/vmx/instructions.h"
#include "base/address.h"

namespace bulkhead::arch::vmx {

// Which VMCS field holds a T. Encodings carry the width in bits 14:13; one that says something
// else than T does not compile.
template <typename T>
class Field {
 public:
  consteval explicit Field(uint32_t encoding) : encoding_(encoding) {
    constexpr uint32_t kWidth16 = 0;
    constexpr uint32_t kWidth64 = 1;
    constexpr uint32_t kWidth32 = 2;
    constexpr uint32_t kWidthNatural = 3;
    const uint32_t width = encoding >> 13 & 3;
    const bool right = sizeof(T) == 2   ? width == kWidth16
                       : sizeof(T) == 4 ? width == kWidth32
                                        : width == kWidth64 || width == kWidthNatural;
    if (!right) WidthsDiffer();
  }
  constexpr uint64_t encoding() const { return encoding_; }

 private:
  static void WidthsDiffer() {}  // not constant: calling it ends the compilation

  uint32_t encoding_;
};

using Field16 = Field<uint16_t>;
using Field32 = Field<uint32_t>;
using Field64 = Field<uint64_t>;

inline constexpr Field16 kVpid(0x0000);
inline constexpr Field16 kHostEs(0x0c00);
inline constexpr Field16 kHostCs(0x0c02);
inline constexpr Field16 kHostSs(0x0c04);
inline constexpr Field16 kHostDs(0x0c06);
inline constexpr Field16 kHostFs(0x0c08);
inline constexpr Field16 kHostGs(0x0c0a);
inline constexpr Field16 kHostTr(0x0c0c);

inline constexpr Field64 kMsrBitmap(0x2004);
inline constexpr Field64 kTscOffset(0x2010);
inline constexpr Field64 kEptPointer(0x201a);
inline constexpr Field64 kGuestPhysicalAddress(0x2400);
inline constexpr Field64 kLinkPointer(0x2800);
inline constexpr Field64 kGuestDebugControl(0x2802);
inline constexpr Field64 kGuestPat(0x2804);
inline constexpr Field64 kGuestEfer(0x2806);
inline constexpr Field64 kHostPat(0x2c00);
inline constexpr Field64 kHostEfer(0x2c02);

inline constexpr Field32 kPinControls(0x4000);
inline constexpr Field32 kPrimaryControls(0x4002);
inline constexpr Field32 kExceptionBitmap(0x4004);
inline constexpr Field32 kExitControls(0x400c);
inline constexpr Field32 kEntryControls(0x4012);
inline constexpr Field32 kEntryEvent(0x4016);
inline constexpr Field32 kEntryErrorCode(0x4018);
inline constexpr Field32 kEntryInstructionLength(0x401a);
inline constexpr Field32 kSecondaryControls(0x401e);
inline constexpr Field32 kInstructionError(0x4400);
inline constexpr Field32 kExitReason(0x4402);
inline constexpr Field32 kExitEvent(0x4404);
inline constexpr Field32 kVectoringEvent(0x4408);
inline constexpr Field32 kVectoringErrorCode(0x440a);
inline constexpr Field32 kExitInstructionLength(0x440c);
inline constexpr Field32 kGuestInterruptibility(0x4824);
inline constexpr Field32 kGuestActivity(0x4826);
inline constexpr Field32 kGuestSysenterCs(0x482a);
inline constexpr Field32 kPreemptionTimerValue(0x482e);
inline constexpr Field32 kHostSysenterCs(0x4c00);

inline constexpr Field64 kCr0Mask(0x6000);
inline constexpr Field64 kCr4Mask(0x6002);
inline constexpr Field64 kCr0Shadow(0x6004);
inline constexpr Field64 kCr4Shadow(0x6006);
inline constexpr Field64 kExitQualification(0x6400);
inline constexpr Field64 kGuestCr0(0x6800);
inline constexpr Field64 kGuestCr3(0x6802);
inline constexpr Field64 kGuestCr4(0x6804);
inline constexpr Field64 kGuestDr7(0x681a);
inline constexpr Field64 kGuestRsp(0x681c);
inline constexpr Field64 kGuestRip(0x681e);
inline constexpr Field64 kGuestRflags(0x6820);
inline constexpr Field64 kGuestPendingDebug(0x6822);
inline constexpr Field64 kHostCr0(0x6c00);
inline constexpr Field64 kHostCr3(0x6c02);
inline constexpr Field64 kHostCr4(0x6c04);
inline constexpr Field64 kHostFsBase(0x6c06);
inline constexpr Field64 kHostGsBase(0x6c08);
inline constexpr Field64 kHostTrBase(0x6c0a);
inline constexpr Field64 kHostGdtrBase(0x6c0c);
inline constexpr Field64 kHostIdtrBase(0x6c0e);
inline constexpr Field64 kHostRip(0x6c16);  // kHostRsp is written by vmenter.S

// A guest's segment register, which is four fields.
struct SegmentFields {
  Field16 selector;
  Field32 limit;
  Field32 access_rights;
  Field64 base;
};
inline constexpr SegmentFields kGuestEs = {Field16(0x0800), Field32(0x4800), Field32(0x4814),
                                           Field64(0x6806)};
inline constexpr SegmentFields kGuestCs = {Field16(0x0802), Field32(0x4802), Field32(0x4816),
                                           Field64(0x6808)};
inline constexpr SegmentFields kGuestSs = {Field16(0x0804), Field32(0x4804), Field32(0x4818),
                                           Field64(0x680a)};
inline constexpr SegmentFields kGuestDs = {Field16(0x0806), Field32(0x4806), Field32(0x481a),
                                           Field64(0x680c)};
inline constexpr SegmentFields kGuestFs = {Field16(0x0808), Field32(0x4808), Field32(0x481c),
                                           Field64(0x680e)};
inline constexpr SegmentFields kGuestGs = {Field16(0x080a), Field32(0x480a), Field32(0x481e),
                                           Field64(0x6810)};
inline constexpr SegmentFields kGuestLdtr = {Field16(0x080c), Field32(0x480c), Field32(0x4820),
                                             Field64(0x6812)};
inline constexpr SegmentFields kGuestTr = {Field16(0x080e), Field32(0x480e), Field32(0x4822),
                                           Field64(0x6814)};
// GDTR and IDTR: a base and a limit.
struct TableFields {
  Field32 limit;
  Field64 base;
};
inline constexpr TableFields kGuestGdtr = {Field32(0x4810), Field64(0x6816)};
inline constexpr TableFields kGuestIdtr = {Field32(0x4812), Field64(0x6818)};

// The VMCS that is current on this CPU; whoever has one of these may use its fields. Every failure
// is a mistake of the hypervisor's, and fatal with its name.
class CurrentVmcs {
 public:
  // Makes it current, and whatever was before when it ends: for a VMCS that is not to run yet.
  class Scope;

  template <typename T>
  T Read(Field<T> field) const {
    return static_cast<T>(Vmread(field.encoding()));
  }
  template <typename T>
  void Write(Field<T> field, T value) const {
    Vmwrite(field.encoding(), value);
  }

 private:
  friend class Guest;
  CurrentVmcs() = default;
};

class CurrentVmcs::Scope : public CurrentVmcs {
 public:
  explicit Scope(HostPhysical vmcs) : before_(Vmptrst()) { Vmptrld(Raw(vmcs)); }
  ~Scope() {
    if (before_ != kNoVmcs) Vmptrld(before_);
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  uint64_t before_;
};

}  // namespace bulkhead::arch::vmx

#endif  // BULKHEAD_ARCH_X86_64_VMX_VMCS_H_
