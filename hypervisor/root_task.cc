// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/root_task.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "arch/cpu.h"
#include "arch/log.h"
#include "base/align.h"
#include "base/format.h"
#include "boot/bundle.h"
#include "boot/elf.h"

namespace bulkhead {
namespace {

constexpr uint64_t kStackTop = abi::kUserTop - kPageSize;  // a hole above and below
constexpr uint64_t kStackSize = 64 * 1024;
constexpr uint64_t kInfoAddress = abi::kUserTop - 2 * kStackSize;

alignas(Process) std::byte g_root_storage[sizeof(Process)];

[[noreturn]] void Fail(std::string_view what, Status status) {
  Text<160> text;
  text << "cannot start the supervisor: " << what << ": " << StatusName(status);
  Fatal(text.view());
}

// Charged memory, mapped at `address`.
Memory& MapFresh(Node& node, Process& root, uint64_t address, uint64_t length,
                 PageAttributes attributes) {
  if (const Status status = root.quota.Charge(length >> kPageShift); status != Status::kOk) {
    Fail("memory", status);
  }
  const Result<Memory*> memory = Create<Memory>(root, length);
  if (!memory.ok()) Fail("memory", memory.status());
  attributes.user = true;
  for (;;) {
    const Result<uint64_t> done =
        root.space.Map(address, **memory, 0, length, attributes, root.arena, node.pages);
    if (!done.ok()) Fail("address space", done.status());
    if (*done == length) return **memory;
  }
}

void Fill(Node& node, Memory& memory, uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const auto piece = memory.Populate(AlignDown(offset, kPageSize), node.pages);
    if (!piece.ok()) Fail("memory", piece.status());
    const uint64_t part = std::min<uint64_t>(data.size(), kPageSize - offset % kPageSize);
    std::memcpy(arch::ToPointer<std::byte>(piece->physical) + offset % kPageSize, data.data(),
                part);
    data = data.subspan(part);
    offset += part;
  }
}

void SynchronizeCode(Node& node, Memory& memory, uint64_t length) {
  for (uint64_t offset = 0; offset < length; offset += kPageSize) {
    const auto piece = memory.Populate(offset, node.pages);
    if (!piece.ok()) Fail("memory", piece.status());
    arch::SynchronizeCode(piece->physical, kPageSize);
  }
}

std::span<const std::byte> FindSupervisor(const BootInfo& boot) {
  if (boot.bundle_length == 0) {
    Fatal("no bundle was loaded; start with -initrd BUNDLE or put one on the boot medium");
  }
  const std::span archive(
      arch::ToPointer<const std::byte>(static_cast<HostPhysical>(boot.bundle_physical)),
      boot.bundle_length);
  Bundle bundle;
  BundleError error = Bundle::Open(archive, bundle);
  BundleEntry entry;
  if (error.ok()) error = bundle.Require("supervisor", entry);
  if (!error.ok()) {
    Text<200> text;
    text << error;
    Fatal(text.view());
  }
  return entry.data;
}

void LoadSegments(Node& node, Process& root, const ElfImage& image) {
  for (const ElfSegment& segment : image.segments()) {
    const uint64_t start = AlignDown(segment.virtual_address, kPageSize);
    const uint64_t end = AlignUp(segment.virtual_address + segment.memory_size, kPageSize);
    if (!RangeWithin(start, end - start, kInfoAddress)) Fail("segment", Status::kInvalidArgument);
    if (segment.writable && segment.executable) {
      Fail("a writable and executable segment", Status::kDenied);
    }
    Memory& memory = MapFresh(node, root, start, end - start,
                              {.write = segment.writable, .execute = segment.executable});
    Fill(node, memory, segment.virtual_address - start, segment.data);
    if (segment.executable) SynchronizeCode(node, memory, end - start);
  }
}

}  // namespace

void StartRootTask(Node& node, const BootInfo& boot) {
  ElfImage image;
  const ElfError error = ElfImage::Parse(FindSupervisor(boot), arch::kElfMachine, image);
  if (!error.ok()) {
    Text<200> text;
    text << "bundle: entry 'supervisor' is " << error;
    Fatal(text.view());
  }

  auto* root = new (g_root_storage)
      Process(nullptr, node.pages.free_pages(), node.pages, node.next_process_id++);
  node.root = root;
  if (const Status status = root->space.Initialize(root->arena); status != Status::kOk) {
    Fail("address space", status);
  }
  arch::ShareKernelHalf(root->space.root());
  Retain(*root);
  const Result<uint64_t> self = root->capabilities.Insert(
      {.object = root, .rights = abi::kAllRights | abi::kSystem}, root->arena);
  if (!self.ok() || *self != abi::kSelf) Fail("capability table", self.status());

  const Result<void*> group = root->arena.Allocate(sizeof(BudgetGroup));
  if (!group.ok()) Fail("scheduling", group.status());
  root->groups = new (*group) BudgetGroup(node.boot_cpu, BudgetGroup::kFirst);

  LoadSegments(node, *root, image);
  MapFresh(node, *root, kStackTop - kStackSize, kStackSize, {.write = true});

  abi::RootInfo info = {
      .version = abi::kRootInfoVersion,
      .counter_hz = arch::CounterHz(),
      .bundle_physical = boot.bundle_physical,
      .bundle_length = boot.bundle_length,
      .acpi_rsdp = boot.acpi_rsdp,
      .devicetree = boot.devicetree,
      .devicetree_length = boot.devicetree_length,
      .wall_clock = boot.wall_clock,
      .hypervisor_bytes = node.own[0].length + node.own[1].length,
      .command_line = {},
  };
  static_assert(sizeof(info.command_line) == sizeof(boot.command_line));
  std::memcpy(info.command_line, boot.command_line, sizeof(info.command_line));
  Memory& page = MapFresh(node, *root, kInfoAddress, kPageSize, {});
  Fill(node, page, 0, std::as_bytes(std::span(&info, 1)));

  const Result<Thread*> thread =
      CreateThread(node, *root, *root, node.boot_cpu, abi::kPriorities - 1);
  if (!thread.ok()) Fail("thread", thread.status());
  (*thread)->context.Start(image.entry(), kStackTop, kInfoAddress);
  MakeReady(**thread);
}

}  // namespace bulkhead
