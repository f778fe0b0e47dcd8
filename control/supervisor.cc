// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/supervisor.h"

#include <algorithm>

#include "base/align.h"
#include "control/log.h"
#include "control/machine.h"
#include "control/node_stats.h"
#include "hypervisor/abi/calls.h"
#include "runtime/runtime.h"

namespace bulkhead {
namespace {

constexpr uint64_t kAreaBase = 0x10'0000'0000;
constexpr uint64_t kDrainSeconds = 2;

uint64_t CreateEvent() {
  const abi::Answer event = call::EventCreate();
  if (!event.ok()) Abort("supervisor: no event");
  return event.value[0];
}

// "pods/NAME/pod": NAME, else nothing.
std::string_view PodName(std::string_view path) {
  constexpr std::string_view kPrefix = "pods/";
  constexpr std::string_view kSuffix = "/pod";
  if (!path.starts_with(kPrefix) || !path.ends_with(kSuffix) ||
      path.size() <= kPrefix.size() + kSuffix.size()) {
    return {};
  }
  const std::string_view name =
      path.substr(kPrefix.size(), path.size() - kPrefix.size() - kSuffix.size());
  return name.find('/') == std::string_view::npos ? name : std::string_view();
}

}  // namespace

Supervisor::Supervisor(const abi::RootInfo& info)
    : info_(info),
      command_line_(info.command_line),
      area_(kAreaBase),
      event_(CreateEvent()),
      firmware_(area_),
      console_(area_, event_, kLinkBit),
      channel_(*this) {}

size_t Supervisor::Send(std::span<const std::byte> bytes) {
  return link_ != nullptr ? link_->Send(bytes) : bytes.size();
}

size_t Supervisor::Receive(std::span<std::byte> out) {
  return link_ != nullptr ? link_->Receive(out) : 0;
}

Status Supervisor::status() const { return link_ != nullptr ? link_->status() : Status::kOk; }

bool Supervisor::Drained() { return link_ == nullptr || link_->Drained(); }

uint32_t Supervisor::PollInterval() const { return link_ != nullptr ? link_->PollInterval() : 0; }

void Supervisor::OpenLink() {
  Text<> text;
  text << "bulkhead: no node channel: ";
  link_ = ChooseLink(text);
  if (link_ == nullptr) Log(text.view());
}

NodeLink* Supervisor::ChooseLink(TextWriter& why) {
  const std::string_view channel = command_line_.Find("channel").value_or("");
  if (channel.empty()) return console_.Open(firmware_, why) ? &console_ : nullptr;
  if (channel != "com2") {
    why << "there is none named " << channel;
    return nullptr;
  }
  UartRegisters* const com2 = machine::Com2();
  if (com2 != nullptr && uart_.Open(*com2) == Status::kOk) return &uart_;
  why << "this machine has no COM2";
  return nullptr;
}

void Supervisor::Report(std::string_view error) {
  Text<400> line;
  line << "bulkhead: fatal: " << error;
  Log(line.view());
  channel_.Send(NodeFrameType::kNodeError, 0, error);
}

void Supervisor::ReportBrokenChannel() {
  Report(status() == Status::kOk ? "the node channel carries something that is not its protocol"
                                 : "the node channel has lost bytes");
}

bool Supervisor::OpenBundle() {
  const uint64_t length = AlignUp(info_.bundle_length, kPageSize);
  const Result<PhysicalMapping> mapping =
      MapPhysical(area_, info_.bundle_physical, length, false, abi::kRead);
  Text<300> text;
  if (!mapping.ok()) {
    text << "bundle: cannot be mapped: " << StatusName(mapping.status());
    Report(text.view());
    return false;
  }
  bundle_memory_ = mapping->memory;
  Bundle bundle;
  BundleError error = Bundle::Open(
      {reinterpret_cast<const std::byte*>(mapping->address), info_.bundle_length}, bundle);
  BundleEntry vmm;
  if (error.ok()) {
    bundle_.Build(bundle);
    error = bundle_.Require("vmm", vmm);
  }
  if (!error.ok()) {
    text << error;
    Report(text.view());
    return false;
  }
  ElfImage program;
  if (const ElfError elf = ElfImage::Parse(vmm.data, machine::ProgramMachine(), program);
      !elf.ok()) {
    text << "bundle: entry 'vmm': " << elf;
    Report(text.view());
    return false;
  }
  if (const Status status = vmm_.Load(program, area_); status != Status::kOk) {
    text << "bundle: entry 'vmm' cannot be loaded: " << StatusName(status);
    Report(text.view());
    return false;
  }
  return true;
}

// A file of the bundle that whoever made it has made for this one start. It must not share a page
// with what is mapped into a pod.
void Supervisor::AddBundleSeed() {
  const auto file = bundle_.Find(kBundleSeed);
  if (!file) return;
  if (file->data.size() < kMinBundleSeed || file->data.size() > kMaxBundleSeed ||
      !IsAligned(file->data_offset, kPageSize)) {
    Log("bulkhead: bundle: entry 'seed' is not 32 to 256 bytes that start on a page; not used");
    return;
  }
  seeds_.Add(file->data, file->data.size());
}

void Supervisor::GatherSeeds() {
  std::array<std::byte, 64> random;
  if (machine::ReadRandom(random)) seeds_.Add(random, random.size());
  AddBundleSeed();
  const auto given = firmware_.Seed();
  seeds_.Add(given, given.size());
  // Little of this is secret, but it is never the same.
  std::array<uint64_t, 64> times;
  for (uint64_t& time : times) {
    time = Now();
    (void)UsageOf(abi::kSelf);
  }
  times[0] ^= WallClock();
  seeds_.Add(std::as_bytes(std::span(times)), 0);
  if (!seeds_.strong()) {
    Log("bulkhead: weak randomness: neither processor, firmware nor bundle gave any; pods get what"
        " the time of start gives");
  }
}

uint64_t Supervisor::Nanoseconds(uint64_t ticks) const {
  constexpr uint64_t kSecond = 1'000'000'000;
  return ticks / info_.counter_hz * kSecond + ticks % info_.counter_hz * kSecond / info_.counter_hz;
}

uint64_t Supervisor::WallClock() const {
  if (info_.wall_clock != 0) return info_.wall_clock;
  const uint64_t clock = machine::ReadClock();
  const uint64_t elapsed = Nanoseconds(Now());
  return clock > elapsed ? clock - elapsed : 0;
}

void Supervisor::StartPod(uint16_t index, std::string_view name) {
  const PodSupplies supplies = {
      .bundle = &bundle_,
      .bundle_memory = bundle_memory_,
      .bundle_physical = info_.bundle_physical,
      .vmm = &vmm_,
      .placement = &placement_,
      .counter_hz = info_.counter_hz,
      .wall_clock = WallClock(),
      .event = event_,
      .seed = seeds_.Take(),
  };
  Text<300>& why = not_started_[index];
  ++busy_pods_;
  turns_.Add(index);
  if (pods_[index].Start(supplies, name, index, PodTurns::Bit(index), why) == Status::kOk) {
    usage_logged_[index] = false;
    return;
  }
  Text<400> line;
  line << "bulkhead: pod " << name << " was not started: " << why.view();
  Log(line.view());
  (void)ReportNotStarted(index);
}

bool Supervisor::ReportNotStarted(uint16_t index) {
  const std::string_view why = not_started_[index].view();
  if (why.empty()) return true;
  std::array<std::byte, sizeof(uint32_t) + 300> payload;
  const auto end = PodEnd::kNotStarted;
  std::memcpy(payload.data(), &end, sizeof(end));
  std::memcpy(payload.data() + sizeof(end), why.data(), why.size());
  const bool sent =
      channel_.Send(NodeFrameType::kPodEnded, index,
                    std::span<const std::byte>(payload).first(sizeof(end) + why.size()));
  if (sent) {
    not_started_[index].Clear();
    --busy_pods_;
  }
  return sent;
}

void Supervisor::StartCpus() {
  std::array<uint64_t, abi::kMaxCpus> ids;
  const uint32_t found = firmware_.FindProcessors(ids);
  uint32_t running = 1;
  for (const uint64_t id : std::span(ids).first(found)) {
    const abi::Answer answer =
        call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kStartCpu), id, 0, 0);
    if (answer.ok()) ++running;
    if (answer.ok() || answer.status == Status::kExists) continue;
    Text<128> line;
    line << "bulkhead: processor " << Hex{id} << " does not start: " << StatusName(answer.status);
    Log(line.view());
  }
  placement_.SetCpus(running);
  Text<64> line;
  line << "bulkhead: " << running << (running == 1 ? " processor" : " processors");
  Log(line.view());
}

void Supervisor::StartPods() {
  // What comes after this is the pods', and goes when they end.
  own_memory_ = UsageOf(abi::kSelf).used;
  free_memory_ = FreeMemoryOfNode();
  uint32_t pods = 0;
  for (const BundleEntry& entry : bundle_.bundle()) pods += PodName(entry.name).empty() ? 0 : 1;
  const uint32_t hello[] = {kNodeProtocolVersion, pods};
  channel_.Send(NodeFrameType::kHello, 0, std::as_bytes(std::span(hello)));
  channel_.Flush();
  if (pods == 0 || pods > kMaxPods) {
    Text<> text;
    text << "bundle: has " << pods << " pods; a node runs 1 to " << kMaxPods;
    Report(text.view());
    return;
  }
  stay_ = command_line_.Find("stay").has_value();
  for (const BundleEntry& entry : bundle_.bundle()) {
    if (const std::string_view name = PodName(entry.name); !name.empty()) {
      StartPod(pod_count_++, name);
    }
  }
}

bool Supervisor::HandleFrame(NodeFrameType type, uint16_t pod, std::span<const std::byte> payload) {
  if (pod >= pod_count_) return false;
  switch (type) {
    case NodeFrameType::kAgentInput:
      return pods_[pod].TakeInput(payload);
    case NodeFrameType::kPodStop:
      if (pods_[pod].running()) pods_[pod].Stop();
      return true;
    case NodeFrameType::kPodStart:
      // Only who has been told that it ended can want that.
      if (pods_[pod].running() || !not_started_[pod].view().empty()) return false;
      StartPod(pod, pods_[pod].name());
      return true;
    case NodeFrameType::kStatsRequest:
      stats_wanted_ = true;
      return payload.empty();
    case NodeFrameType::kNodeLeave:
      stay_ = false;
      return true;
    default:
      return false;
  }
}

// Beyond the guests' memory and the bundle; as soon as the pod has ended, though its last output
// may take time yet.
void Supervisor::LogUsage(const Pod& ended) {
  bool& logged = usage_logged_[static_cast<size_t>(&ended - pods_.data())];
  if (logged) return;
  logged = true;
  Text<200> line;
  line << "bulkhead: memory: hypervisor " << info_.hypervisor_bytes << ", supervisor "
       << own_memory_ << ", pod " << ended.name() << " vmm " << ended.VmmMemory() << " bytes";
  Log(line.view());
  Text<200> cpu;
  cpu << "bulkhead: cpu: pod " << ended.name() << ' '
      << ended.CpuTicks() / (info_.counter_hz / 1000) << " ms";
  Log(cpu.view());
}

// What has ended is taken apart between other work, of which there is none any more; so a time
// that passes is something that was lost.
void Supervisor::LogReturned() {
  const uint64_t deadline = Now() + kDrainSeconds * info_.counter_hz;
  uint64_t used = 0;
  uint64_t free = 0;
  bool returned = false;
  do {
    used = UsageOf(abi::kSelf).used;
    free = FreeMemoryOfNode();
    returned = used == own_memory_ && free == free_memory_;
    if (!returned) (void)WaitForWork(Now() + info_.counter_hz / 1000);
  } while (!returned && Now() < deadline);
  Text<200> line;
  line << "bulkhead: memory: ";
  if (returned) {
    line << "the pods' is back, " << free << " bytes are free";
  } else {
    line << "not all of the pods' is back: free " << free << " of " << free_memory_
         << ", supervisor " << used << ", was " << own_memory_ << " bytes";
  }
  Log(line.view());
}

void Supervisor::SendStats() {
  const size_t size = sizeof(NodeStats) + pod_count_ * sizeof(PodStats);
  if (channel_.Room() < size) return;
  static std::array<std::byte, kMaxNodeStats> payload;
  const Usage usage = UsageOf(abi::kSelf);
  const NodeStats node = {.version = kNodeStatsVersion,
                          .pods = pod_count_,
                          .time = Nanoseconds(Now()),
                          .memory = usage.limit,
                          .memory_used = usage.used,
                          .hypervisor = info_.hypervisor_bytes};
  std::memcpy(payload.data(), &node, sizeof(node));
  for (uint16_t i = 0; i < pod_count_; ++i) {
    const Pod& pod = pods_[i];
    PodStats stats = {};
    if (pod.running()) {
      stats = {.cpu = Nanoseconds(pod.CpuTicks()),
               .guest = pod.guest_memory(),
               .guest_used = kStatsUnknown,
               .page_tables = kStatsUnknown,
               .vmm = pod.VmmMemoryNow()};
    }
    std::memcpy(payload.data() + sizeof(node) + i * sizeof(stats), &stats, sizeof(stats));
  }
  stats_wanted_ =
      !channel_.Send(NodeFrameType::kStats, 0, std::span<const std::byte>(payload).first(size));
}

uint64_t Supervisor::WaitForWork(uint64_t deadline) {
  if (const uint32_t interval = PollInterval(); interval != 0) {
    deadline = std::min(deadline, Now() + interval * info_.counter_hz / 1'000'000);
  }
  const abi::Answer bits = call::EventWait(event_, deadline);
  if (!bits.ok() && bits.status != Status::kTimedOut) Abort("supervisor: event_wait failed");
  return bits.ok() ? bits.value[0] : 0;
}

bool Supervisor::ServePod(uint16_t index) {
  Pod& pod = pods_[index];
  if (!pod.running()) return ReportNotStarted(index);
  // First whether it has ended, then what it said: nothing comes after that.
  const bool ended = pod.process_ended();
  if (ended) LogUsage(pod);
  const bool all = pod.PassOutput(channel_);
  const bool granted = pod.GrantCredit(channel_);
  if (!ended || !all) return all && granted;
  if (!pod.Finish(channel_)) return false;
  --busy_pods_;
  return true;
}

void Supervisor::Serve() {
  while (!Over()) {
    turns_.AddSignalled(WaitForWork(abi::kNever));
    if (channel_.Receive(*this) != Status::kOk) {
      ReportBrokenChannel();
      return;
    }
    turns_.Run([this](uint16_t index) { return ServePod(index); });
    if (stats_wanted_) SendStats();
    channel_.Flush();
    // With a full queue the link's next interrupt brings us back, or its interval.
  }
}

// There is room for it once the other side has taken enough of what came before.
void Supervisor::SayEnd() {
  const uint64_t patience = kDrainSeconds * info_.counter_hz;
  uint64_t moved = channel_.moved();
  uint64_t deadline = Now() + patience;
  bool said = false;
  for (;;) {
    const bool sane = channel_.Receive(*this) == Status::kOk;
    said = said || channel_.Send(NodeFrameType::kNodeEnded, 0, std::span<const std::byte>());
    const bool flushed = channel_.Flush();
    if (flushed && Drained() && (said || !sane)) return;
    if (channel_.moved() != moved) {
      moved = channel_.moved();
      deadline = Now() + patience;
    }
    if (Now() >= deadline) return;
    (void)WaitForWork(deadline);
  }
}

void Supervisor::PowerOff() {
  SayEnd();
  if (command_line_.Find("trace").has_value()) {
    (void)call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kDumpTrace), 0, 0, 0);
  }
  Log("bulkhead: node ends");
  machine::PowerOff(firmware_.tables());
  (void)call::SystemControl(static_cast<uint64_t>(abi::SystemOperation::kReset), 0, 0, 0);
  Exit(0);
}

void Supervisor::Run() {
  firmware_.Open(info_);
  StartCpus();
  OpenLink();
  if (OpenBundle()) {
    GatherSeeds();
    StartPods();
    Serve();
    if (busy_pods_ == 0) LogReturned();
  }
  PowerOff();
}

}  // namespace bulkhead
