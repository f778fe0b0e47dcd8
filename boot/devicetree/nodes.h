// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_BOOT_DEVICETREE_NODES_H_
#define BULKHEAD_BOOT_DEVICETREE_NODES_H_

// Nodes and properties, on top of libfdt. `tree` has been checked by Devicetree::Open; a node is an
// offset as libfdt's, negative for none.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead::devicetree {

// Physical addresses, as the CPU sees them.
struct Range {
  uint64_t start = 0;
  uint64_t length = 0;  // bytes
};

// Whether the device is there: "status" is absent or "okay".
bool IsAvailable(const void* tree, int node);
bool IsCompatible(const void* tree, int node, const char* compatible);
// The first available one after node `after`; from the start with -1.
int FindCompatible(const void* tree, int after, const char* compatible);

// A property's value; empty without it.
std::span<const std::byte> Property(const void* tree, int node, const char* name);
// Text up to the first NUL. Nothing if there is no NUL.
std::string_view TextProperty(const void* tree, int node, const char* name);
// A property that is one number, of one or two cells.
bool NumberProperty(const void* tree, int node, const char* name, uint64_t& value);
// The number in `count` cells, at most 2, at cell `index`. False if they are not there.
bool Cells(std::span<const std::byte> property, size_t index, size_t count, uint64_t& value);

// Entry `index` of "reg". False if there is none, if it is malformed, or if a bus on the way to the
// root does not show it to the CPU.
bool Reg(const void* tree, int node, size_t index, Range& range);
// How many entries "reg" has; 0 if it is malformed.
size_t RegCount(const void* tree, int node);

}  // namespace bulkhead::devicetree

#endif  // BULKHEAD_BOOT_DEVICETREE_NODES_H_
