// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/firmware.h"

#include "control/iort.h"
#include "control/log.h"

namespace bulkhead {
namespace {

template <typename Error>
void LogError(const Error& error) {
  Text<> text;
  text << "bulkhead: " << error;
  Log(text.view());
}

}  // namespace

void Firmware::Open(const abi::RootInfo& info) {
  if (info.acpi_rsdp != 0) {
    const AcpiError error = tables_.Open(info.acpi_rsdp);
    have_tables_ = error.ok();
    if (!have_tables_) LogError(error);
  }
  if (info.devicetree != 0) OpenTree(info);
  if (info.acpi_rsdp == 0 && info.devicetree == 0) {
    Log("bulkhead: the firmware gave neither ACPI tables nor a devicetree");
  }
}

void Firmware::OpenTree(const abi::RootInfo& info) {
  FirmwareTreeError error = {.kind = FirmwareTreeErrorKind::kUnreadable};
  if (info.devicetree_length <= kMaxDevicetreeLength) {
    const auto bytes = tree_memory_.Map(info.devicetree, info.devicetree_length);
    if (!bytes.empty()) error = FirmwareTree::Open(bytes, tree_);
  }
  have_tree_ = error.ok();
  if (!have_tree_) LogError(error);
}

bool Firmware::FindPciHost(PciHost& out, TextWriter& why) {
  out = {};
  if (have_tables_) return ReadTables(out, why);
  if (have_tree_) {
    const FirmwareTreeError error = tree_.ReadPciHost(out);
    if (!error.ok()) why << error;
    return error.ok();
  }
  why << "firmware does not say where PCI devices are";
  return false;
}

// The bridge's windows are in AML, which is not read: firmware that gives tables has given the
// devices their addresses.
bool Firmware::ReadTables(PciHost& out, TextWriter& why) {
  Ecam ecam;
  if (const AcpiError error = tables_.ReadEcam(ecam); !error.ok()) {
    why << error;
    return false;
  }
  out.ecam = static_cast<HostPhysical>(ecam.base);
  out.first_bus = ecam.first_bus;
  out.last_bus = ecam.last_bus;

  // Machines without this table have interrupt controllers that do not tell devices apart, or name
  // them by their requester ids.
  uint64_t physical = 0;
  uint32_t length = 0;
  const AcpiError error = tables_.Find(AcpiSignature("IORT"), physical, length);
  if (error.kind == AcpiErrorKind::kMissing) return true;
  if (!error.ok()) {
    why << error;
    return false;
  }
  const char* wrong = ReadIort(table_memory_.Map(physical, length), out);
  if (wrong != nullptr) why << "ACPI: table IORT: " << wrong;
  return wrong == nullptr;
}

uint32_t Firmware::FindProcessors(std::span<uint64_t> ids) {
  uint32_t count = 0;
  if (have_tables_) {
    if (const AcpiError error = tables_.ReadProcessors(ids, count); !error.ok()) LogError(error);
  } else if (have_tree_) {
    count = tree_.ReadProcessors(ids);
  }
  return count;
}

std::span<const std::byte> Firmware::Seed() const {
  return have_tree_ ? tree_.Seed() : std::span<const std::byte>();
}

}  // namespace bulkhead
