// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_CONTROL_SUPERVISOR_H_
#define BULKHEAD_CONTROL_SUPERVISOR_H_

// The supervisor: starts the bundle's pods, passes bytes between them and the node channel, and
// powers the node off when the last has ended.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/format.h"
#include "control/bundle_index.h"
#include "control/command_line.h"
#include "control/console_link.h"
#include "control/firmware.h"
#include "control/node_channel.h"
#include "control/physical.h"
#include "control/placement.h"
#include "control/pod.h"
#include "control/pod_turns.h"
#include "control/seed_pool.h"
#include "control/uart_link.h"
#include "control/vmm_program.h"
#include "hypervisor/abi/types.h"

namespace bulkhead {

class Supervisor final : private NodeChannel::Handler, private NodeLink {
 public:
  static constexpr uint16_t kMaxPods = kMaxNodePods;

  explicit Supervisor(const abi::RootInfo& info);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Runs the node to its end.
  [[noreturn]] void Run();

 private:
  // The bit of the supervisor's event that is no pod's.
  static constexpr uint64_t kLinkBit = PodTurns::kOtherBit;

  bool HandleFrame(NodeFrameType type, uint16_t pod, std::span<const std::byte> payload) override;
  size_t Send(std::span<const std::byte> bytes) override;
  size_t Receive(std::span<std::byte> out) override;
  Status status() const override;
  bool Drained() override;
  uint32_t PollInterval() const override;

  // The command line says over what the node channel goes: `channel=com2`; the virtio console if it
  // says nothing.
  void OpenLink();
  // Null: there is none, and `why` says why.
  NodeLink* ChooseLink(TextWriter& why);
  // False: the bundle is of no use; the reason has been reported.
  bool OpenBundle();
  // Fills the pool with what differs on every machine and at every start.
  void GatherSeeds();
  void AddBundleSeed();
  // Nanoseconds since 1970 when the machine's counter was zero; 0: not known.
  uint64_t WallClock() const;
  // All that the firmware lists.
  void StartCpus();
  uint64_t Nanoseconds(uint64_t ticks) const;
  void StartPods();
  void StartPod(uint16_t index, std::string_view name);
  // Says so, once the channel has room; false: it has none.
  bool ReportNotStarted(uint16_t index);
  void Serve();
  // What a pod wants; false: it has not got all of it.
  bool ServePod(uint16_t index);
  // Waits until somebody wants something, it is time to look at the link, or the machine's counter
  // has reached `deadline`. The bits of the event that were set.
  uint64_t WaitForWork(uint64_t deadline);
  // Nothing is left to do for anybody.
  bool Over() const { return busy_pods_ == 0 && !stay_; }
  // Whether what the pods had is back, once the last has been taken apart.
  void LogReturned();
  void LogUsage(const Pod& ended);
  // Once the channel has room.
  void SendStats();
  void Report(std::string_view error);
  void ReportBrokenChannel();
  // Sends what is queued and that the node ends; waits until it is all sent, while it goes on.
  void SayEnd();
  [[noreturn]] void PowerOff();

  const abi::RootInfo& info_;
  CommandLine command_line_;
  AddressArea area_;
  uint64_t event_ = 0;
  Firmware firmware_;
  ConsoleLink console_;
  UartLink uart_;
  NodeLink* link_ = nullptr;  // null: there is none
  NodeChannel channel_;
  BundleIndex bundle_;
  uint64_t bundle_memory_ = 0;
  VmmProgram vmm_;
  SeedPool seeds_;
  Placement placement_;
  uint64_t own_memory_ = 0;   // bytes charged to the supervisor for itself, not for pods
  uint64_t free_memory_ = 0;  // bytes of the node's that nobody has when there are no pods
  std::array<Pod, kMaxPods> pods_;
  std::array<bool, kMaxPods> usage_logged_ = {};  // of pods_
  std::array<Text<300>, kMaxPods> not_started_;   // why, until the channel has taken it
  uint16_t pod_count_ = 0;
  uint16_t busy_pods_ = 0;  // that have not ended, or whose end has not been said
  PodTurns turns_;
  bool stats_wanted_ = false;
  bool stay_ = false;  // though every pod has ended: some may be started again
};

}  // namespace bulkhead

#endif  // BULKHEAD_CONTROL_SUPERVISOR_H_
