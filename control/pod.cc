// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/pod.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/align.h"
#include "boot/pod_config.h"
#include "control/log.h"
#include "hypervisor/abi/calls.h"
#include "hypervisor/abi/types.h"
#include "runtime/runtime.h"

namespace bulkhead {
namespace {

// The VMM's address space.
constexpr uint64_t kStartupAddress = 0x10'0000'0000;
constexpr uint64_t kOutputAddress = 0x10'0100'0000;
constexpr uint64_t kInputAddress = 0x10'0200'0000;
constexpr uint64_t kStackTop = 0x10'0400'0000;
constexpr uint64_t kStackBytes = 64 * 1024;
constexpr uint64_t kFilesAddress = 0x20'0000'0000;

// The supervisor's: two megabytes for each pod, so that one page table is enough for what stays.
constexpr uint64_t kPodArea = 0x20'0000'0000;
constexpr uint64_t kOutputOffset = 0;
constexpr uint64_t kInputOffset = 0x2'0000;
constexpr uint64_t kScratchOffset = 0x4'0000;  // while it writes what the VMM finds

constexpr uint64_t AreaOf(uint16_t pod) { return kPodArea + pod * kSuperpageSize; }

constexpr uint64_t kRingMemory = AlignUp(sizeof(ByteRingHeader) + kPodRingBytes, kPageSize);
static_assert(kRingMemory < kInputOffset - kOutputOffset, "a page between them faults");
static_assert(kRingMemory < kScratchOffset - kInputOffset);
constexpr uint64_t kVmmPriority = 5;

constexpr uint64_t kMebibyte = uint64_t{1} << 20;

uint64_t TakeFileAddress(uint64_t* next, uint64_t physical, uint64_t length) {
  const uint64_t start = AlignUp(*next, kSuperpageSize) + physical % kSuperpageSize;
  *next = start + AlignUp(length, kPageSize) + kPageSize;
  return start;
}

// The pod's request is its weight among all pods of its CPU; who asks for nothing has a small one,
// and nobody less.
uint32_t WeightOf(const PodConfig& config) {
  return std::max(static_cast<uint32_t>(config.cpu_request), abi::kDefaultWeight);
}

Status SetShare(uint64_t process, const PodConfig& config, uint32_t cpu) {
  const uint64_t share = abi::Share(WeightOf(config), static_cast<uint32_t>(config.cpu_limit));
  return call::ProcessControl(process, static_cast<uint64_t>(abi::ProcessOperation::kSetShare),
                              share, cpu)
      .status;
}
static_assert(kMaxPodCpuShare <= abi::kWholeCpu);

// What a VMM says becomes a line of the node's log: it must not look like several, nor speak to a
// terminal.
void MakeOneLine(std::span<std::byte> text) {
  for (std::byte& byte : text) {
    const auto c = static_cast<char>(byte);
    if (c < ' ' || c > '~') byte = std::byte{'?'};
  }
}

}  // namespace

Status Pod::Share(const OwnMemory& memory, uint64_t address, uint64_t rights) {
  return MapInProcess(process_, address, memory.handle, 0, memory.bytes.size(), rights);
}

Status Pod::LoadVmm(const VmmProgram& program) {
  BULKHEAD_RETURN_IF_ERROR(program.MapInto(process_, AreaOf(index_) + kScratchOffset));
  // Nothing is in a stack that is new.
  const abi::Answer stack = call::MemoryCreate(kStackBytes);
  if (!stack.ok()) return stack.status;
  const Status status = MapInProcess(process_, kStackTop - kStackBytes, stack.value[0], 0,
                                     kStackBytes, uint64_t{abi::kRead} | abi::kWrite);
  // The mapping keeps it; the supervisor has no more business with it.
  (void)call::HandleClose(stack.value[0]);
  return status;
}

void Pod::FilePath(std::string_view given, std::string_view file, TextWriter& path) const {
  if (given.empty()) {
    path << "pods/" << name_ << '/' << file;
  } else {
    path << given;
  }
}

Status Pod::MapFile(const PodSupplies& supplies, std::string_view path, VmmRange& range,
                    TextWriter& why) {
  BundleEntry entry;
  if (const BundleError error = supplies.bundle->Require(path, entry); !error.ok()) {
    why << error;
    return Status::kNotFound;
  }
  if (entry.data.empty()) return Status::kOk;
  if (!IsAligned(entry.data_offset, kPageSize)) {
    why << "bundle: entry '" << path << "' does not start on a page; write the bundle anew";
    return Status::kCorrupt;
  }
  const uint64_t length = AlignUp(entry.data.size(), kPageSize);
  const uint64_t address =
      TakeFileAddress(&file_address_, supplies.bundle_physical + entry.data_offset, length);
  range = {address, entry.data.size()};
  return MapInProcess(process_, address, supplies.bundle_memory, entry.data_offset, length,
                      abi::kRead);
}

Status Pod::MapImages(const PodSupplies& supplies, const PodConfig& config, VmmStartup& startup,
                      TextWriter& why) {
  static_assert(kMaxPodImages == kVmmMaxImages);
  for (uint32_t i = 0; i < config.image_count; ++i) {
    BULKHEAD_RETURN_IF_ERROR(MapFile(supplies, config.images[i], startup.images[i], why));
  }
  if (config.image_count != 0) return Status::kOk;
  Text<256> image;
  FilePath("", "image", image);
  if (!supplies.bundle->Find(image.view())) return Status::kOk;
  return MapFile(supplies, image.view(), startup.images[0], why);
}

Status Pod::MakeRings(VmmStartup& startup) {
  const auto make = [&](OwnMemory& memory, uint64_t offset) {
    const Result<OwnMemory> made = AllocateMemory(AreaOf(index_) + offset, kRingMemory);
    if (made.ok()) memory = *made;
    return made.status();
  };
  BULKHEAD_RETURN_IF_ERROR(make(output_memory_, kOutputOffset));
  BULKHEAD_RETURN_IF_ERROR(make(input_memory_, kInputOffset));
  constexpr uint64_t kReadWrite = uint64_t{abi::kRead} | abi::kWrite;
  BULKHEAD_RETURN_IF_ERROR(Share(output_memory_, kOutputAddress, kReadWrite));
  BULKHEAD_RETURN_IF_ERROR(Share(input_memory_, kInputAddress, kReadWrite));
  constexpr uint64_t kRingBytes = sizeof(ByteRingHeader) + kPodRingBytes;
  startup.output = {kOutputAddress, kRingBytes};
  startup.input = {kInputAddress, kRingBytes};
  output_ = ByteRingReader(output_memory_.bytes.first(kRingBytes));
  input_ = ByteRingWriter(input_memory_.bytes.first(kRingBytes));
  return Status::kOk;
}

Status Pod::MakeStartup(const VmmStartup& startup) {
  const Result<OwnMemory> page = AllocateMemory(AreaOf(index_) + kScratchOffset, kPageSize);
  if (!page.ok()) return page.status();
  static_assert(sizeof(startup) <= kPageSize);
  std::memcpy(page->bytes.data(), &startup, sizeof(startup));
  const Status status = Share(*page, kStartupAddress, abi::kRead);
  FreeMemory(*page);
  return status;
}

Status Pod::Start(const PodSupplies& supplies, std::string_view name, uint16_t index, uint64_t bit,
                  TextWriter& why) {
  const uint64_t created = Now();
  name_ = name;
  index_ = index;
  file_address_ = kFilesAddress;
  corrupt_ = stopped_ = has_end_ = false;
  end_ = 0;
  end_text_.Clear();

  Text<256> path;
  path << "pods/" << name << "/pod";
  BundleEntry entry;
  if (const BundleError error = supplies.bundle->Require(path.view(), entry); !error.ok()) {
    why << error;
    return Status::kNotFound;
  }
  PodConfig config;
  if (const PodConfigError error = ParsePodConfig(entry.data, config); !error.ok()) {
    why << error;
    return Status::kCorrupt;
  }
  if (!IsAligned(config.memory, kPageSize) || config.cmdline.size() >= kVmmCommandLineCapacity) {
    why << "pod config: memory is not whole pages, or the kernel command line is too long";
    return Status::kCorrupt;
  }

  const Usage before = UsageOf(abi::kSelf);
  guest_memory_ = config.memory;
  const uint64_t quota = config.memory + kOverhead;
  const abi::Answer process = call::ProcessCreate(quota);
  if (!process.ok()) {
    why << "the pod needs " << quota / kMebibyte << " MiB, the node has "
        << (before.limit - before.used) / kMebibyte
        << " MiB left; give the node more memory or the pod less";
    return process.status;
  }
  process_ = process.value[0];

  VmmStartup startup = {};
  startup.magic = kVmmStartupMagic;
  startup.version = kVmmStartupVersion;
  startup.counter_hz = supplies.counter_hz;
  startup.wall_clock = supplies.wall_clock;
  startup.guest_memory = config.memory;
  startup.debug_uart = config.debug_uart ? 1 : 0;
  startup.supervisor_bits = bit;
  startup.created = created;
  static_assert(sizeof(startup.seed) == sizeof(supplies.seed));
  std::memcpy(startup.seed, supplies.seed.data(), sizeof(startup.seed));
  std::memcpy(startup.command_line, config.cmdline.data(), config.cmdline.size());

  const auto prepare = [&]() -> Status {
    placement_ = supplies.placement;
    weight_ = WeightOf(config);
    cpu_ = placement_->Take(weight_);
    startup.cpu = cpu_;
    BULKHEAD_RETURN_IF_ERROR(SetShare(process_, config, cpu_));
    BULKHEAD_RETURN_IF_ERROR(MakeRings(startup));
    BULKHEAD_RETURN_IF_ERROR(LoadVmm(*supplies.vmm));
    Text<256> kernel;
    FilePath(config.kernel, "kernel", kernel);
    BULKHEAD_RETURN_IF_ERROR(MapFile(supplies, kernel.view(), startup.kernel, why));
    Text<256> initramfs;
    FilePath("", "initramfs", initramfs);
    if (supplies.bundle->Find(initramfs.view())) {
      BULKHEAD_RETURN_IF_ERROR(MapFile(supplies, initramfs.view(), startup.initramfs, why));
    }
    BULKHEAD_RETURN_IF_ERROR(MapImages(supplies, config, startup, why));
    const abi::Answer event = call::EventCreate();
    if (!event.ok()) return event.status;
    event_ = event.value[0];
    const abi::Answer own = call::HandleGrant(process_, event_, abi::kSignal | abi::kWait, 0);
    if (!own.ok()) return own.status;
    const abi::Answer ours = call::HandleGrant(process_, supplies.event, abi::kSignal, 0);
    if (!ours.ok()) return ours.status;
    startup.own_event = own.value[0];
    startup.supervisor_event = ours.value[0];
    BULKHEAD_RETURN_IF_ERROR(MakeStartup(startup));
    const abi::Answer watch = call::ProcessControl(
        process_, static_cast<uint64_t>(abi::ProcessOperation::kWatch), supplies.event, bit);
    if (!watch.ok()) return watch.status;
    const abi::Answer thread = call::ThreadCreate(process_, supplies.vmm->entry(), kStackTop,
                                                  kStartupAddress, kVmmPriority, cpu_);
    if (!thread.ok()) return thread.status;
    (void)call::HandleClose(thread.value[0]);
    return Status::kOk;
  };
  const Status status = prepare();
  if (status != Status::kOk) {
    if (why.view().empty()) why << "its VMM could not be made: " << StatusName(status);
    GiveBack();
    return status;
  }
  // Less, if something that had ended before was given back meanwhile.
  const uint64_t after = UsageOf(abi::kSelf).used;
  held_ = after - std::min(after, before.used + quota);
  granted_ = kNodeInitialCredit;
  received_ = 0;
  Text<128> line;
  const abi::Answer id =
      call::ProcessControl(process_, static_cast<uint64_t>(abi::ProcessOperation::kStatus), 0, 0);
  line << "bulkhead: process " << id.value[3] << " is vmm " << name_;
  Log(line.view());
  return Status::kOk;
}

void Pod::TakeLastRecord(uint32_t length) {
  std::array<std::byte, 256 + sizeof(uint32_t)> text;
  const auto part = std::min<size_t>(length, text.size());
  output_.Read(std::span(text).first(part));
  output_.Consume(length - part);
  if (part < sizeof(end_)) return;
  std::memcpy(&end_, text.data(), sizeof(end_));
  // Whoever reads the channel gives the whole node up over an end that is none.
  if (end_ > static_cast<uint32_t>(PodEnd::kStopped)) {
    corrupt_ = true;
    return;
  }
  has_end_ = true;
  const auto line = std::span(text).first(part).subspan(sizeof(end_));
  MakeOneLine(line);
  end_text_ << std::string_view(reinterpret_cast<const char*>(line.data()), line.size());
}

bool Pod::PassOutput(NodeChannel& channel) {
  if (!running()) return true;
  bool all = true;
  bool consumed = false;
  while (!corrupt_) {
    bool sane = true;
    const size_t available = output_.available(&sane);
    PodRecordHeader header;
    corrupt_ = !sane;
    if (corrupt_ || available < sizeof(header)) break;
    std::array<std::byte, sizeof(header)> bytes;
    output_.Peek(bytes);
    std::memcpy(&header, bytes.data(), sizeof(header));
    NodeFrameType type;
    switch (header.type) {
      case PodRecordType::kAgent:
        type = NodeFrameType::kAgentOutput;
        break;
      case PodRecordType::kConsole:
        type = NodeFrameType::kConsole;
        break;
      case PodRecordType::kLog:
        type = NodeFrameType::kLog;
        break;
      case PodRecordType::kEnded:
        type = NodeFrameType::kPodEnded;
        break;
      default:
        corrupt_ = true;
        continue;
    }
    // A record is published whole.
    if (header.length > kPodRecordMaxPayload || available - sizeof(header) < header.length) {
      corrupt_ = true;
      continue;
    }
    if (type == NodeFrameType::kPodEnded) {
      output_.Consume(sizeof(header));
      TakeLastRecord(header.length);
      consumed = true;
      continue;
    }
    // A frame of no bytes is against the channel's rules too; a line may be empty.
    if (type != NodeFrameType::kLog && header.length == 0) {
      corrupt_ = true;
      continue;
    }
    if (channel.Room() < std::max<uint32_t>(header.length, 1)) {
      all = false;
      break;
    }
    static std::array<std::byte, kPodRecordMaxPayload> payload;
    output_.Consume(sizeof(header));
    output_.Read(std::span(payload).first(header.length));
    if (type == NodeFrameType::kLog) MakeOneLine(std::span(payload).first(header.length));
    channel.Send(type, index_, std::span<const std::byte>(payload).first(header.length));
    consumed = true;
  }
  if (consumed) (void)call::EventSignal(event_, kVmmInputBit);
  if (corrupt_) Stop();
  return all;
}

bool Pod::TakeInput(std::span<const std::byte> bytes) {
  if (bytes.size() > granted_ - received_) return false;
  received_ += bytes.size();
  // The credit is the ring's size: what was granted has room, unless the VMM plays with the index.
  if (!running() || bytes.size() > input_.room()) return true;
  input_.Write(bytes);
  input_.Publish();
  (void)call::EventSignal(event_, kVmmInputBit);
  return true;
}

bool Pod::GrantCredit(NodeChannel& channel) {
  const uint64_t outstanding = granted_ - received_;
  const uint64_t room = input_.room();
  // Not for every byte: a quarter of the ring at a time.
  if (room < outstanding + kPodRingBytes / 4) return true;
  const auto more = static_cast<uint32_t>(room - outstanding);
  if (!channel.Send(NodeFrameType::kAgentCredit, index_, std::as_bytes(std::span(&more, 1)))) {
    return false;
  }
  granted_ += more;
  return true;
}

uint64_t Pod::CpuTicks() const { return UsageOf(process_).ticks; }

uint64_t Pod::VmmMemory() const { return UsageOf(process_).peak - guest_memory_ + held_; }

uint64_t Pod::VmmMemoryNow() const {
  const uint64_t all = UsageOf(process_).used + held_;
  return all - std::min(all, guest_memory_);  // its guest's may have been given back already
}

bool Pod::process_ended() const {
  if (!running()) return false;
  const abi::Answer status =
      call::ProcessControl(process_, static_cast<uint64_t>(abi::ProcessOperation::kStatus), 0, 0);
  return status.value[0] != static_cast<uint64_t>(abi::ProcessEnd::kRunning);
}

void Pod::Stop() {
  stopped_ = true;
  (void)call::ProcessControl(process_, static_cast<uint64_t>(abi::ProcessOperation::kKill), 0, 0);
}

bool Pod::Finish(NodeChannel& channel) {
  const abi::Answer status =
      call::ProcessControl(process_, static_cast<uint64_t>(abi::ProcessOperation::kStatus), 0, 0);
  Text<320> text;
  auto end = static_cast<PodEnd>(end_);
  if (corrupt_) {
    end = PodEnd::kVmmFailed;
    text << "its VMM wrote garbage to the supervisor";
  } else if (has_end_) {
    text << end_text_.view();
  } else if (stopped_) {
    end = PodEnd::kStopped;
    text << "stopped";
  } else {
    end = PodEnd::kVmmFailed;
    text << "its VMM ended with ";
    if (status.value[0] == static_cast<uint64_t>(abi::ProcessEnd::kFaulted)) {
      text << "fault " << status.value[1] << " at address " << Hex{status.value[2]}
           << "; the node's log has the registers";
    } else {
      text << "code " << Hex{status.value[1]};
    }
  }
  std::array<std::byte, sizeof(end) + 320> payload;
  std::memcpy(payload.data(), &end, sizeof(end));
  std::memcpy(payload.data() + sizeof(end), text.view().data(), text.view().size());
  const size_t length = sizeof(end) + text.view().size();
  if (!channel.Send(NodeFrameType::kPodEnded, index_, std::span(payload).first(length))) {
    return false;
  }
  Text<400> line;
  line << "bulkhead: pod " << name_ << " ended: " << text.view();
  Log(line.view());
  GiveBack();
  return true;
}

void Pod::GiveBack() {
  (void)call::ProcessControl(process_, static_cast<uint64_t>(abi::ProcessOperation::kKill), 0, 0);
  (void)call::HandleClose(process_);
  if (weight_ != 0) placement_->Give(cpu_, weight_);
  weight_ = 0;
  if (event_ != 0) (void)call::HandleClose(event_);
  for (OwnMemory* memory : {&output_memory_, &input_memory_}) {
    if (memory->handle != 0) FreeMemory(*memory);
    *memory = {};
  }
  event_ = 0;
  process_ = 0;
}

}  // namespace bulkhead
