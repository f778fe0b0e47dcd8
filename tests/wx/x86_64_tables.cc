// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/wx/table_format.h"

namespace bulkhead {
namespace {

constexpr uint64_t kPresent = 1 << 0;
constexpr uint64_t kWrite = 1 << 1;
constexpr uint64_t kUser = 1 << 2;
constexpr uint64_t kLarge = 1 << 7;
constexpr uint64_t kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000;

TableEntry Decode(uint64_t entry, int level) {
  using Kind = TableEntry::Kind;
  if ((entry & kPresent) == 0) return {};
  Kind kind = Kind::kTable;
  if (level == 1 || (entry & kLarge) != 0) kind = level == 4 ? Kind::kReserved : Kind::kPage;
  const bool execute = (entry & kNoExecute) == 0;
  return {.kind = kind,
          .physical = entry & kAddress,
          .allows = {.write = (entry & kWrite) != 0,
                     .user = (entry & kUser) != 0,
                     .user_execute = execute,
                     .hypervisor_execute = execute}};
}

// A page belongs to user mode or to the hypervisor. What is user mode's, the hypervisor does not
// execute (SMEP).
Rights Finish(Rights rights) {
  rights.user_execute = rights.user_execute && rights.user;
  rights.hypervisor_execute = rights.hypervisor_execute && !rights.user;
  return rights;
}

}  // namespace

const TableFormat kX86_64Tables = {.one_root = true, .decode = Decode, .finish = Finish};

}  // namespace bulkhead
