// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "hypervisor/address_space.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "hypervisor/testing/fake_node.h"

namespace bulkhead {
namespace {

using abi::Call;
using testing::Answer;
using testing::FakeNode;

constexpr uint64_t kMiB = FakeNode::kMiB;
constexpr uint64_t kAddress = 0x4000'0000;
constexpr uint64_t kReadWrite = abi::kRead | abi::kWrite;

class AddressSpaceTest : public ::testing::Test {
 protected:
  Answer Map(uint64_t address, uint64_t memory, uint64_t offset, uint64_t length,
             uint64_t rights = kReadWrite) {
    return node_.Call(node_.root_thread(), Call::kProcessMap,
                      {child_.handle, address, memory, offset, length, rights});
  }
  // Repeats until all is mapped.
  void MapAll(uint64_t address, uint64_t memory, uint64_t offset, uint64_t length,
              uint64_t rights = kReadWrite) {
    uint64_t before = 0;
    for (;;) {
      const Answer answer = Map(address, memory, offset, length, rights);
      ASSERT_EQ(answer.status, Status::kOk);
      if (answer.value[0] == length) return;
      ASSERT_GT(answer.value[0], before) << "every call comes further";
      before = answer.value[0];
    }
  }
  void UnmapAll(uint64_t address, uint64_t memory, uint64_t length) {
    uint64_t before = length + 1;
    for (;;) {
      const Answer answer = Map(address, memory, 0, length, 0);
      ASSERT_EQ(answer.status, Status::kOk);
      if (answer.value[0] == 0) return;
      ASSERT_LT(answer.value[0], before);
      before = answer.value[0];
    }
  }
  Translation Lookup(uint64_t address) { return child_.process->space.Lookup(address); }
  uint64_t Memory(uint64_t size) { return node_.Do(Call::kMemoryCreate, {size}); }

  FakeNode node_{32 * kMiB};
  FakeNode::Child child_ = node_.MakeChild(4 * kMiB);
};

TEST_F(AddressSpaceTest, PagesAreZeroedDistinctAndWhereAsked) {
  const uint64_t memory = Memory(3 * kPageSize);
  MapAll(kAddress, memory, kPageSize, 2 * kPageSize);
  const Translation first = Lookup(kAddress + 5);
  const Translation second = Lookup(kAddress + kPageSize);
  EXPECT_EQ(first.level, 1);
  EXPECT_TRUE(first.attributes.write && first.attributes.user && !first.attributes.execute);
  EXPECT_NE(Raw(first.physical) - 5, Raw(second.physical));
  for (uint64_t i = 0; i < 2 * kPageSize; i += 8) {
    ASSERT_EQ(*arch::ToPointer<uint64_t>(Lookup(kAddress + i).physical), 0u);
  }
  EXPECT_EQ(Lookup(kAddress - 1).level, 0);
  EXPECT_EQ(Lookup(kAddress + 2 * kPageSize).level, 0);
  // The same memory elsewhere is the same pages.
  MapAll(kAddress + kMiB, memory, 0, 3 * kPageSize, abi::kRead | abi::kExecute);
  EXPECT_EQ(Lookup(kAddress + kMiB + kPageSize).physical,
            static_cast<HostPhysical>(Raw(first.physical) - 5));
  EXPECT_TRUE(Lookup(kAddress + kMiB).attributes.execute);
  EXPECT_FALSE(Lookup(kAddress + kMiB).attributes.write);
}

TEST_F(AddressSpaceTest, SuperpagesWhereAligned) {
  const uint64_t memory = Memory(6 * kMiB + kPageSize);
  MapAll(kAddress, memory, 0, 6 * kMiB + kPageSize);
  for (uint64_t at = 0; at < 6 * kMiB; at += 2 * kMiB) EXPECT_EQ(Lookup(kAddress + at).level, 2);
  EXPECT_EQ(Lookup(kAddress + 6 * kMiB).level, 1);
  // Not aligned to each other: small pages of the same memory.
  const uint64_t elsewhere = kAddress + 64 * kMiB + kPageSize;
  MapAll(elsewhere, memory, 0, 2 * kMiB);
  for (uint64_t at = 0; at < 2 * kMiB; at += 256 * 1024) {
    EXPECT_EQ(Lookup(elsewhere + at).level, 1);
    EXPECT_EQ(Lookup(elsewhere + at).physical, Lookup(kAddress + at).physical);
  }
  UnmapAll(kAddress, memory, 6 * kMiB + kPageSize);
  EXPECT_EQ(Lookup(kAddress).level, 0);
  EXPECT_EQ(Lookup(elsewhere).level, 1);
}

TEST_F(AddressSpaceTest, FragmentedMemoryComesInSmallPages) {
  node_.Fragment();
  const uint64_t memory = Memory(4 * kMiB);
  MapAll(kAddress, memory, 0, 4 * kMiB);
  EXPECT_EQ(Lookup(kAddress + 4 * kMiB - 1).level, 1);
}

TEST_F(AddressSpaceTest, OnePartACall) {
  const uint64_t memory = Memory(kMiB);
  const Answer first = Map(kAddress, memory, 0, kMiB);
  ASSERT_TRUE(first.ok());
  EXPECT_GT(first.value[0], 0u);
  EXPECT_LT(first.value[0], kMiB) << "256 pages are more than one call's work";
  EXPECT_EQ(Lookup(kAddress + first.value[0]).level, 0);
  // Something else may not come in between.
  EXPECT_EQ(Map(kAddress + kMiB / 2, memory, 0, kPageSize).status, Status::kExists);
  MapAll(kAddress, memory, 0, kMiB);
  // Complete: the same call again says so.
  EXPECT_EQ(Map(kAddress, memory, 0, kMiB).value[0], kMiB);
}

TEST_F(AddressSpaceTest, UnmapWhilePartlyMapped) {
  const uint64_t memory = Memory(kMiB);
  ASSERT_TRUE(Map(kAddress, memory, 0, kMiB).ok());
  UnmapAll(kAddress, memory, kMiB);
  EXPECT_EQ(Lookup(kAddress).level, 0);
  EXPECT_EQ(Map(kAddress, memory, 0, kMiB, 0).status, Status::kNotFound);
}

TEST_F(AddressSpaceTest, FailureBeforeTheFirstPageLeavesNothing) {
  const uint64_t memory = Memory(4 * kPageSize);
  const uint64_t used = child_.process->quota.used();
  for (uint64_t pages = 0; pages < 4; ++pages) {
    node_.LeavePages(pages);
    EXPECT_EQ(Map(kAddress, memory, 0, 4 * kPageSize).status, Status::kNoMemory);
    EXPECT_EQ(child_.process->quota.used(), used);
    node_.GiveBackPages();
    EXPECT_EQ(Map(kAddress, memory, 0, 4 * kPageSize, 0).status, Status::kNotFound);
  }
  // Nor is the range taken, or the memory kept.
  MapAll(kAddress + kPageSize, Memory(kPageSize), 0, kPageSize);
  const uint64_t root_used = node_.root().quota.used();
  node_.Do(Call::kHandleClose, {memory});
  node_.Settle();
  EXPECT_LE(node_.root().quota.used(), root_used - 4);
}

// One that comes part of the way can be gone on with, or unmapped.
TEST_F(AddressSpaceTest, FailureHalfway) {
  const uint64_t memory = Memory(8 * kPageSize);
  node_.LeavePages(8);
  EXPECT_EQ(Map(kAddress, memory, 0, 8 * kPageSize).status, Status::kNoMemory);
  EXPECT_EQ(Lookup(kAddress).level, 1);
  EXPECT_EQ(Lookup(kAddress + 7 * kPageSize).level, 0);
  node_.GiveBackPages();
  MapAll(kAddress, memory, 0, 8 * kPageSize);
  UnmapAll(kAddress, memory, 8 * kPageSize);
  EXPECT_EQ(Lookup(kAddress).level, 0);
}

TEST_F(AddressSpaceTest, NoMappingWhileUnmapping) {
  const uint64_t memory = Memory(2 * kMiB - kPageSize);
  MapAll(kAddress, memory, 0, 2 * kMiB - kPageSize);
  const Answer left = Map(kAddress, memory, 0, 2 * kMiB - kPageSize, 0);
  ASSERT_TRUE(left.ok());
  ASSERT_GT(left.value[0], 0u);
  EXPECT_EQ(Map(kAddress, memory, 0, 2 * kMiB - kPageSize).status, Status::kExists);
  UnmapAll(kAddress, memory, 2 * kMiB - kPageSize);
  MapAll(kAddress, memory, 0, kPageSize);
}

TEST_F(AddressSpaceTest, OverlapsAreRefused) {
  const uint64_t memory = Memory(16 * kPageSize);
  MapAll(kAddress, memory, 0, 4 * kPageSize);
  for (const auto [page, pages] : {std::pair{-1, 2}, {-1, 6}, {0, 3}, {0, 5}, {1, 1}, {3, 2}}) {
    EXPECT_EQ(Map(kAddress + page * kPageSize, memory, 0, pages * kPageSize).status,
              Status::kExists);
  }
  EXPECT_EQ(Map(kAddress, memory, kPageSize, 4 * kPageSize).status, Status::kExists);
  EXPECT_EQ(Map(kAddress, Memory(4 * kPageSize), 0, 4 * kPageSize).status, Status::kExists);
  EXPECT_EQ(Map(kAddress, memory, 0, 4 * kPageSize, abi::kRead).status, Status::kExists);
  EXPECT_TRUE(Map(kAddress - kPageSize, memory, 0, kPageSize).ok());
  EXPECT_TRUE(Map(kAddress + 4 * kPageSize, memory, 0, kPageSize).ok());
  // Only as it was mapped.
  EXPECT_EQ(Map(kAddress, memory, 0, 2 * kPageSize, 0).status, Status::kNotFound);
  EXPECT_EQ(Map(kAddress + kPageSize, memory, 0, 4 * kPageSize, 0).status, Status::kNotFound);
}

TEST_F(AddressSpaceTest, ASuperpageFitsWhereSmallPagesWere) {
  const uint64_t small = Memory(8 * kPageSize);
  const uint64_t large = Memory(2 * kMiB);
  MapAll(kAddress + kPageSize, small, 0, 4 * kPageSize);
  MapAll(kAddress + kMiB, small, 0, 4 * kPageSize);
  UnmapAll(kAddress + kMiB, small, 4 * kPageSize);
  UnmapAll(kAddress + kPageSize, small, 4 * kPageSize);
  MapAll(kAddress, large, 0, 2 * kMiB);
  EXPECT_EQ(Lookup(kAddress).level, 2);
  UnmapAll(kAddress, large, 2 * kMiB);
  MapAll(kAddress, small, 0, kPageSize);
  EXPECT_EQ(Lookup(kAddress).level, 1);
}

TEST_F(AddressSpaceTest, UnmappingReturnsTables) {
  const uint64_t memory = Memory(4 * kMiB);
  node_.Fragment();
  MapAll(kAddress, memory, 0, kPageSize);
  UnmapAll(kAddress, memory, kPageSize);
  const uint64_t used = child_.process->quota.used();
  MapAll(kAddress + kMiB, memory, 0, 4 * kMiB);
  EXPECT_GT(child_.process->quota.used(), used);
  UnmapAll(kAddress + kMiB, memory, 4 * kMiB);
  EXPECT_EQ(child_.process->quota.used(), used);
}

TEST_F(AddressSpaceTest, MappingsAreCounted) {
  const uint64_t memory = Memory(kPageSize);
  constexpr uint64_t kMost = AddressSpace<arch::HostFormat>::kMaxMappings;
  for (uint64_t i = 0; i < kMost; ++i) {
    ASSERT_TRUE(Map(kAddress + i * kPageSize, memory, 0, kPageSize).ok());
  }
  EXPECT_EQ(Map(kAddress + kMost * kPageSize, memory, 0, kPageSize).status, Status::kQuotaExceeded);
  UnmapAll(kAddress + 7 * kPageSize, memory, kPageSize);
  EXPECT_TRUE(Map(kAddress + kMost * kPageSize, memory, 0, kPageSize).ok());
}

TEST_F(AddressSpaceTest, RangesAndRights) {
  const uint64_t memory = Memory(4 * kPageSize);
  const auto status = [&](uint64_t address, uint64_t offset, uint64_t length, uint64_t rights) {
    return Map(address, memory, offset, length, rights).status;
  };
  EXPECT_EQ(status(abi::kUserTop - kPageSize, 0, 2 * kPageSize, kReadWrite),
            Status::kInvalidArgument);
  EXPECT_EQ(status(abi::kUserTop, 0, kPageSize, kReadWrite), Status::kInvalidArgument);
  EXPECT_EQ(status(kAddress, 4 * kPageSize, kPageSize, kReadWrite), Status::kInvalidArgument);
  EXPECT_EQ(status(kAddress, kPageSize, 4 * kPageSize, kReadWrite), Status::kInvalidArgument);
  EXPECT_EQ(status(kAddress, ~uint64_t{0} - kPageSize + 1, 2 * kPageSize, kReadWrite),
            Status::kInvalidArgument);
  EXPECT_EQ(status(kAddress, 0, kPageSize, kReadWrite | abi::kExecute), Status::kInvalidArgument);
  EXPECT_EQ(status(abi::kUserTop - kPageSize, 0, kPageSize, kReadWrite), Status::kOk);
  EXPECT_EQ(status(0, 0, kPageSize, kReadWrite), Status::kOk);
}

TEST_F(AddressSpaceTest, RightsOfTheCapabilityBoundTheMapping) {
  const uint64_t memory = Memory(kPageSize);
  const auto with = [&](uint32_t granted, uint64_t wanted) {
    const uint64_t handle = node_.Grant(child_, memory, granted);
    const Status status = node_
                              .Call(*child_.thread, Call::kProcessMap,
                                    {abi::kSelf, kAddress, handle, 0, kPageSize, wanted})
                              .status;
    node_.Call(*child_.thread, Call::kProcessMap, {abi::kSelf, kAddress, handle, 0, kPageSize, 0});
    return status;
  };
  EXPECT_EQ(with(abi::kRead, abi::kRead), Status::kOk);
  EXPECT_EQ(with(abi::kRead, kReadWrite), Status::kDenied);
  EXPECT_EQ(with(abi::kRead, abi::kRead | abi::kExecute), Status::kDenied);
  EXPECT_EQ(with(kReadWrite, kReadWrite), Status::kOk);
  EXPECT_EQ(with(abi::kWrite, abi::kWrite), Status::kDenied) << "what is mapped can be read";
  EXPECT_EQ(with(0, abi::kRead), Status::kDenied);
}

TEST_F(AddressSpaceTest, TheActiveSpaceIsLeftWhenItShrinks) {
  const uint64_t memory = Memory(kPageSize);
  MapAll(kAddress, memory, 0, kPageSize);
  node_.node().boot_cpu.space = child_.process;
  arch::ActivateAddressSpace(child_.process->space.root());
  UnmapAll(kAddress, memory, kPageSize);
  EXPECT_EQ(node_.node().boot_cpu.space, nullptr);
  EXPECT_EQ(node_.machine().active_root, arch::KernelRoot());
}

// The memory's own tables are its owner's, whoever maps it first.
TEST_F(AddressSpaceTest, ForeignMemoryIsChargedToItsOwner) {
  const FakeNode::Child owner = node_.MakeChild(8 * kMiB);
  const Answer made = node_.Call(*owner.thread, Call::kMemoryCreate, {4 * kMiB});
  ASSERT_TRUE(made.ok());
  const uint64_t to_owner =
      node_.Do(Call::kHandleGrant, {owner.handle, child_.handle, abi::kControl, 0});
  node_.Fragment();  // small pages: tables are needed
  const uint64_t mapper_used = child_.process->quota.used();
  const uint64_t owner_used = owner.process->quota.used();
  for (;;) {
    const Answer answer = node_.Call(*owner.thread, Call::kProcessMap,
                                     {to_owner, kAddress, made.value[0], 0, 4 * kMiB, kReadWrite});
    ASSERT_EQ(answer.status, Status::kOk);
    if (answer.value[0] == 4 * kMiB) break;
  }
  EXPECT_GT(owner.process->quota.used(), owner_used);
  for (;;) {
    const Answer answer = node_.Call(*owner.thread, Call::kProcessMap,
                                     {to_owner, kAddress, made.value[0], 0, 4 * kMiB, 0});
    ASSERT_EQ(answer.status, Status::kOk);
    if (answer.value[0] == 0) break;
  }
  EXPECT_LE(child_.process->quota.used(), mapper_used + 2) << "tables it keeps";
  ASSERT_TRUE(node_.Call(*owner.thread, Call::kHandleClose, {made.value[0]}).ok());
  node_.Settle();
  EXPECT_LT(owner.process->quota.used(), owner_used - 4 * kMiB / kPageSize + 1);
  EXPECT_LE(owner.process->quota.used(), owner.process->quota.limit()) << "not below zero";
}

TEST_F(AddressSpaceTest, PhysicalMemory) {
  const uint64_t device = 0xf000'0000;
  const Answer made =
      node_.Call(node_.root_thread(), Call::kMemoryPhysical,
                 {device, 4 * kMiB, static_cast<uint64_t>(abi::Caching::kUncached)});
  ASSERT_TRUE(made.ok());
  MapAll(kAddress, made.value[0], kPageSize, 2 * kMiB);
  EXPECT_EQ(Raw(Lookup(kAddress + 0x123).physical), device + kPageSize + 0x123);
  EXPECT_TRUE(Lookup(kAddress).attributes.device);
  // Code is what the hypervisor can reach to synchronize caches, which the fake machine checks.
  for (const abi::Caching caching : {abi::Caching::kWriteBack, abi::Caching::kUncached}) {
    const uint64_t memory =
        node_.Do(Call::kMemoryPhysical, {2 * device, kPageSize, static_cast<uint64_t>(caching)});
    EXPECT_EQ(node_.StatusOf(Call::kProcessMap, {abi::kSelf, kAddress + 64 * kMiB, memory, 0,
                                                 kPageSize, abi::kRead | abi::kExecute}),
              Status::kInvalidArgument);
  }
  // Nothing the hypervisor gives out or keeps, not even in part.
  const uint64_t ram = arch::fake::Machine::kRamStart;
  const auto status = [&](uint64_t physical, uint64_t size) {
    return node_.StatusOf(Call::kMemoryPhysical, {physical, size, 0});
  };
  EXPECT_EQ(status(ram, kPageSize), Status::kDenied);
  EXPECT_EQ(status(ram + 8 * kMiB, kPageSize), Status::kDenied);
  EXPECT_EQ(status(ram - kPageSize, 2 * kPageSize), Status::kDenied);
  EXPECT_EQ(status(0, uint64_t{1} << 40), Status::kDenied);
  EXPECT_EQ(status(uint64_t{1} << 52, kPageSize), Status::kInvalidArgument);
  EXPECT_EQ(status(~uint64_t{0} - kPageSize + 1, 2 * kPageSize), Status::kInvalidArgument);
  EXPECT_EQ(node_.StatusOf(Call::kMemoryPhysical, {device, kPageSize, 2}),
            Status::kInvalidArgument);
}

}  // namespace
}  // namespace bulkhead
