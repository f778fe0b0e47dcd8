// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "drivers/pci/bar_assigner.h"

#include <algorithm>
#include <optional>

#include "base/align.h"

namespace bulkhead {
namespace {

constexpr uint64_t kNarrowTop = uint64_t{1} << 32;  // what a 32-bit BAR reaches

// Whether any function on the bus answers memory accesses.
bool AnyDecodes(const PciBus& bus) {
  for (uint32_t number = 0; const auto function = bus.NextFunction(number); ++number) {
    if (function->decodes_memory()) return true;
  }
  return false;
}

bool LacksAddress(const PciFunction& function) {
  for (uint32_t index = 0; index < kPciBars; ++index) {
    const PciBar bar = function.ReadBar(index);
    if (bar.size != 0 && bar.address == 0) return true;
    if (bar.wide) ++index;
  }
  return false;
}

}  // namespace

PciBarAssigner::PciBarAssigner(const PciHost& host) : host_(host) {
  std::ranges::transform(host.windows(), next_.begin(), &PciWindow::bus_address);
}

Result<PciBarAssigner::Place> PciBarAssigner::FindPlace(const PciBar& bar) const {
  // Whole pages: nobody who gets one BAR mapped sees another. Not at zero, which means none.
  const uint64_t alignment = std::max(bar.size, kPageSize);
  for (uint32_t i = 0; i < host_.windows().size(); ++i) {
    const PciWindow& window = host_.windows()[i];
    const uint64_t address = AlignUp(std::max<uint64_t>(next_[i], 1), alignment);
    if (window.prefetchable && !bar.prefetchable) continue;
    if (address < next_[i] || address < window.bus_address) continue;  // wrapped
    if (!RangeWithin(address - window.bus_address, alignment, window.length)) continue;
    if (bar.wide || RangeWithin(address, alignment, kNarrowTop)) return Place{i, address};
  }
  return Status::kNoMemory;
}

Status PciBarAssigner::Assign(DriverPlatform& platform, const PciFunction& function) {
  if (!function.is_device()) return Status::kNotSupported;
  if (!LacksAddress(function)) return Status::kOk;
  if (host_.windows().empty() || function.requester() >> 8 != host_.first_bus) {
    return Status::kNotSupported;
  }
  const auto bus = PciBus::Map(platform, host_, host_.first_bus);
  if (!bus.ok()) return bus.status();
  if (AnyDecodes(*bus)) return Status::kBusy;
  for (uint32_t index = 0; index < kPciBars; ++index) {
    const PciBar bar = function.ReadBar(index);
    if (bar.size != 0) {
      const Result<Place> place = FindPlace(bar);
      if (!place.ok()) return place.status();
      function.WriteBar(index, bar.wide, place->address);
      if (function.ReadBar(index).address != place->address) return Status::kCorrupt;
      next_[place->window] = place->address + std::max(bar.size, kPageSize);
    }
    if (bar.wide) ++index;
  }
  return Status::kOk;
}

}  // namespace bulkhead
