// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_RUNTIME_RUNTIME_H_
#define BULKHEAD_RUNTIME_RUNTIME_H_

// What a freestanding user program needs besides its own code. Now and EntryStack are in
// <architecture>/include/runtime_arch/arch.h.

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "runtime_arch/arch.h"

namespace bulkhead {

// The program. `argument` is what its first thread was given.
[[noreturn]] void ProgramMain(uint64_t argument);

// Where text about a failed check goes before the program ends; none by default.
using LastWords = void (*)(std::string_view text);
void SetLastWords(LastWords last_words);

// Ends the process with `code`.
[[noreturn]] void Exit(uint64_t code);
// Says `text` and ends the process with kAbortCode.
[[noreturn]] void Abort(std::string_view text);
inline constexpr uint64_t kAbortCode = 0xab0;

// process_map and vm_map, repeated until the whole length is done. Rights are abi::Rights.
Status MapInProcess(uint64_t process, uint64_t address, uint64_t memory, uint64_t offset,
                    uint64_t length, uint64_t rights);
Status MapInVm(uint64_t vm, uint64_t address, uint64_t memory, uint64_t offset, uint64_t length,
               uint64_t rights);
Status UnmapInProcess(uint64_t process, uint64_t address, uint64_t memory, uint64_t length);

}  // namespace bulkhead

#endif  // BULKHEAD_RUNTIME_RUNTIME_H_
