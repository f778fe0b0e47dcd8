// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/wx/table_format.h"

namespace bulkhead {
namespace {

constexpr uint64_t kAddress = 0x0000'ffff'ffff'f000;

// Arm ARM D8.3.1: bits 1:0.
constexpr uint64_t kValid = 1 << 0;
constexpr uint64_t kTableOrPage = 1 << 1;

// Of blocks and pages (D8.3.1.2, D8.4.1).
constexpr uint64_t kUserData = 1 << 6;                    // AP[1]
constexpr uint64_t kReadOnly = 1 << 7;                    // AP[2]
constexpr uint64_t kDirtyModifier = uint64_t{1} << 51;    // the processor may clear AP[2]
constexpr uint64_t kPrivilegedNever = uint64_t{1} << 53;  // PXN
constexpr uint64_t kUserNever = uint64_t{1} << 54;        // UXN

// Of tables, for all that is below (D8.3.1.1, D8.4.2).
constexpr uint64_t kPrivilegedNeverBelow = uint64_t{1} << 59;  // PXNTable
constexpr uint64_t kUserNeverBelow = uint64_t{1} << 60;        // UXNTable
constexpr uint64_t kNoUserDataBelow = uint64_t{1} << 61;       // APTable[0]
constexpr uint64_t kReadOnlyBelow = uint64_t{1} << 62;         // APTable[1]

TableEntry DecodeTable(uint64_t entry) {
  return {.kind = TableEntry::Kind::kTable,
          .physical = entry & kAddress,
          .allows = {.write = (entry & kReadOnlyBelow) == 0,
                     .user = (entry & kNoUserDataBelow) == 0,
                     .user_execute = (entry & kUserNeverBelow) == 0,
                     .hypervisor_execute = (entry & kPrivilegedNeverBelow) == 0}};
}

TableEntry DecodePage(uint64_t entry) {
  return {.kind = TableEntry::Kind::kPage,
          .physical = entry & kAddress,
          .allows = {.write = (entry & kReadOnly) == 0 || (entry & kDirtyModifier) != 0,
                     .user = (entry & kUserData) != 0,
                     .user_execute = (entry & kUserNever) == 0,
                     .hypervisor_execute = (entry & kPrivilegedNever) == 0}};
}

TableEntry Decode(uint64_t entry, int level) {
  if ((entry & kValid) == 0) return {};
  const bool table_or_page = (entry & kTableOrPage) != 0;
  // Blocks are of 1 GiB or 2 MiB.
  if (!table_or_page && (level == 4 || level == 1)) return {.kind = TableEntry::Kind::kReserved};
  return table_or_page && level > 1 ? DecodeTable(entry) : DecodePage(entry);
}

// User mode executes without a right to the data, too; and what it can write, the hypervisor never
// executes (D8.4.1).
Rights Finish(Rights rights) {
  if (rights.user && rights.write) rights.hypervisor_execute = false;
  rights.user = rights.user || rights.user_execute;
  return rights;
}

}  // namespace

const TableFormat kAarch64Tables = {.one_root = false, .decode = Decode, .finish = Finish};

}  // namespace bulkhead
