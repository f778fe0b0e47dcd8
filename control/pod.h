// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_POD_H_
#define BULKHEAD_CONTROL_POD_H_

// One pod: its VMM process, and the bytes that pass between it and the outside.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/format.h"
#include "base/status.h"
#include "boot/pod_config.h"
#include "control/bundle_index.h"
#include "control/node_channel.h"
#include "control/physical.h"
#include "control/placement.h"
#include "control/sha256.h"
#include "control/vmm_program.h"
#include "vmm/byte_ring.h"
#include "vmm/startup.h"

namespace bulkhead {

// What all pods are made from.
struct PodSupplies {
  const BundleIndex* bundle;
  uint64_t bundle_memory;  // handle of the Memory that holds the bundle
  uint64_t bundle_physical;
  const VmmProgram* vmm;
  Placement* placement;
  uint64_t counter_hz;
  uint64_t wall_clock;  // as VmmStartup::wall_clock
  uint64_t event;       // the supervisor's
  Sha256Digest seed;    // of this pod alone
};

class Pod {
 public:
  // What a VMM may use besides its guest's memory: the published constant.
  static constexpr uint64_t kOverhead = uint64_t{2} << 20;  // bytes

  Pod() = default;
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;

  // Starts the pod `name`. When it wants something, and when its VMM is gone, `bit` of the
  // supervisor's event is set. On failure `why` says why, in words for a user.
  Status Start(const PodSupplies& supplies, std::string_view name, uint16_t index, uint64_t bit,
               TextWriter& why);

  // Passes records of the VMM on, as far as the channel has room. False: come again when it has.
  bool PassOutput(NodeChannel& channel);
  // Bytes for the guest's agent; false if they are more than were granted.
  bool TakeInput(std::span<const std::byte> bytes);
  // Tells the sender how much more may come; false: the channel has no room for that.
  bool GrantCredit(NodeChannel& channel);
  // The VMM's process ended: gives everything back, and says so on the channel. Call it when
  // PassOutput has passed all there is; false: the channel has no room.
  bool Finish(NodeChannel& channel);
  void Stop();

  // What the VMM has used at most beyond the guest's memory, in bytes: its process, and what the
  // supervisor holds for it.
  uint64_t VmmMemory() const;
  // The same at this moment, and the guest's memory.
  uint64_t VmmMemoryNow() const;
  uint64_t guest_memory() const { return guest_memory_; }
  // The time that guest and VMM have had, in counter ticks.
  uint64_t CpuTicks() const;

  bool running() const { return process_ != 0; }
  bool process_ended() const;
  std::string_view name() const { return name_; }

 private:
  Status LoadVmm(const VmmProgram& program);
  // Maps the bundle's entry `path` for the VMM.
  Status MapFile(const PodSupplies& supplies, std::string_view path, VmmRange& range,
                 TextWriter& why);
  // What the pod's `file` of the bundle is called: `given`, unless it is empty.
  void FilePath(std::string_view given, std::string_view file, TextWriter& path) const;
  // The pod's disks: the images that its configuration names, else its own, if it has one.
  Status MapImages(const PodSupplies& supplies, const PodConfig& config, VmmStartup& startup,
                   TextWriter& why);
  Status MakeStartup(const VmmStartup& startup);
  Status MakeRings(VmmStartup& startup);
  Status Share(const OwnMemory& memory, uint64_t address, uint64_t rights);
  void TakeLastRecord(uint32_t length);
  void GiveBack();

  std::string_view name_;
  uint16_t index_ = 0;
  Placement* placement_ = nullptr;
  uint32_t cpu_ = 0;      // where it runs
  uint64_t weight_ = 0;   // there; 0: nowhere
  uint64_t process_ = 0;  // handle; 0: not running
  uint64_t event_ = 0;    // handle of the VMM's event
  OwnMemory output_memory_;
  OwnMemory input_memory_;
  ByteRingReader output_;
  ByteRingWriter input_;
  uint64_t granted_ = 0;   // bytes of input allowed so far
  uint64_t received_ = 0;  // bytes of input taken so far
  uint64_t file_address_ = 0;
  uint64_t guest_memory_ = 0;  // bytes
  uint64_t held_ = 0;          // bytes of the supervisor's own quota: VMM data, stack, rings
  bool corrupt_ = false;       // the VMM broke the rules of the output ring
  bool stopped_ = false;
  bool has_end_ = false;  // the VMM said how it ended
  uint32_t end_ = 0;      // PodEnd
  Text<256> end_text_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_POD_H_
