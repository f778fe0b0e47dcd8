// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "vmm/machine.h"

#include "base/align.h"
#include "base/format.h"
#include "hypervisor/abi/types.h"
#include "platform/layout.h"
#include "runtime/runtime.h"

namespace bulkhead {
namespace {

// The VMM's own address space, above what the supervisor has put there.
constexpr uint64_t kStateAddress = 0x30'0000'0000;
constexpr uint64_t kVcpuStackAddress = 0x30'0100'0000;
constexpr uint64_t kVcpuStackBytes = 64 * 1024;
constexpr uint64_t kGuestAddress = 0x100'0000'0000;
constexpr uint64_t kVcpuPriority = 3;
constexpr uint64_t kReadWrite = uint64_t{abi::kRead} | abi::kWrite;

uint64_t Must(const abi::Answer& answer, const char* what) {
  if (!answer.ok()) {
    Text<128> text;
    text << "cannot make " << what << ": " << StatusName(answer.status);
    Abort(text.view());
  }
  return answer.value[0];
}

}  // namespace

void Must(Status status, const char* what) { Must(abi::Answer{status, {}}, what); }

Machine::Machine(const VmmStartup& startup)
    : started_(Now()),
      startup_(startup),
      outbox_(Bytes(startup.output), startup.supervisor_event, startup.supervisor_bits),
      input_(Bytes(startup.input)),
      mutex_(Must(call::EventCreate(), "a lock")),
      platform_(*this) {}

void Machine::End(PodEnd end, std::string_view text) {
  debug_output_.Flush(ToConsole());
  outbox_.End(end, text);
  Exit(static_cast<uint64_t>(end));
}

void Machine::DebugByte(std::byte byte) {
  const MutexLock lock(mutex_);
  debug_output_.Put(byte, ToConsole());
}

bool Machine::DebugReady() {
  const MutexLock lock(mutex_);
  return debug_output_.Ready(ToConsole());
}

void Machine::EndIfDeviceBroke() {
  const char* problem = devices_->Problem();
  if (problem == nullptr) return;
  Text<200> text;
  text << "virtio: " << problem;
  EndWithFault(text.view());
}

void Machine::CreateMemory() {
  const uint64_t bytes = startup_.guest_memory;
  if (bytes < layout::kMinimumRam) {
    Text<128> text;
    text << "a pod needs at least " << (layout::kMinimumRam >> 20) << " MiB of memory";
    End(PodEnd::kNotStarted, text.view());
  }
  const uint64_t memory = Must(call::MemoryCreate(bytes), "guest memory");
  vm_ = Must(call::VmCreate(), "a virtual machine");
  std::array<GuestMemory::Region, 2> regions = {};
  uint64_t offset = 0;
  for (size_t i = 0; const auto [start, length] : layout::Ram(bytes)) {
    if (length == 0) continue;
    // The guest may execute what it likes; the VMM never executes guest memory.
    constexpr uint64_t kAll = kReadWrite | abi::kExecute;
    const uint64_t here = kGuestAddress + start;
    Must(MapInProcess(abi::kSelf, here, memory, offset, length, kReadWrite),
         "a mapping of guest memory");
    Must(MapInVm(vm_, start, memory, offset, length, kAll), "guest memory");
    regions[i++] = {start, Bytes({here, length})};
    offset += length;
  }
  memory_ = GuestMemory(regions[0], regions[1]);
}

void Machine::CreateVcpu() {
  constexpr uint64_t kPages = Platform::kStolenTime != 0 ? 2 : 1;
  const uint64_t pages = Must(call::MemoryCreate(kPages * kPageSize), "a vCPU's state");
  const uint64_t handle = Must(call::VcpuCreate(vm_, 0, pages), "a vCPU");
  Must(MapInProcess(abi::kSelf, kStateAddress, pages, 0, kPageSize, kReadWrite), "a vCPU's state");
  if (Platform::kStolenTime != 0) {
    Must(MapInVm(vm_, Platform::kStolenTime, pages, kPageSize, kPageSize, abi::kRead),
         "the guest's stolen time");
  }
  vcpus_[0] = {handle, reinterpret_cast<abi::VcpuState*>(kStateAddress)};
}

void Machine::LoadGuest() {
  abi::VcpuState& state = *vcpus_[0].state;
  platform_.Load(state);
  const uint64_t now = Now();
  platform_.StartClock(state, now);
  Text<128> line;
  line << "bulkhead: pod created at counter " << startup_.created << ", its vmm started at counter "
       << started_ << ", its guest at " << now;
  outbox_.Log(line.view());
}

void Machine::StartVcpuThread() {
  const uint64_t stack = Must(call::MemoryCreate(kVcpuStackBytes), "a stack");
  Must(MapInProcess(abi::kSelf, kVcpuStackAddress, stack, 0, kVcpuStackBytes, kReadWrite),
       "a stack");
  const uint64_t top = EntryStack(kVcpuStackAddress + kVcpuStackBytes);
  Must(call::ThreadCreate(abi::kSelf, reinterpret_cast<uint64_t>(&VcpuThread), top,
                          reinterpret_cast<uint64_t>(this), kVcpuPriority, startup_.cpu),
       "a thread");
}

void Machine::VcpuThread(uint64_t machine) { reinterpret_cast<Machine*>(machine)->RunVcpu(); }

void Machine::RunVcpu() {
  const auto [handle, state] = vcpus_[0];
  for (;;) {
    const abi::Answer answer = call::VcpuRun(handle);
    if (!answer.ok()) Abort("vcpu_run failed");
    platform_.HandleExit(*state);
  }
}

void Machine::ServeDevices() {
  bool more = true;
  for (;;) {
    // While there is more to do at once the wait does not wait: it gives others their turn.
    if (!more) (void)call::EventWait(startup_.own_event, abi::kNever);
    const MutexLock lock(mutex_);
    more = devices_->Continue();
    EndIfDeviceBroke();
  }
}

void Machine::Run() {
  CreateMemory();
  CreateVcpu();
  devices_.emplace(startup_, memory_, vcpus_, outbox_, input_);
  LoadGuest();
  StartVcpuThread();
  ServeDevices();
}

}  // namespace bulkhead
