// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "control/firmware.h"

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
  if (have_tables_) {
    // Windows and requester ids are objects of AML, or in tables not read here: firmware that gives
    // tables has given the devices their addresses, and names them by their requester ids.
    Ecam ecam;
    const AcpiError error = tables_.ReadEcam(ecam);
    out.ecam = static_cast<HostPhysical>(ecam.base);
    out.first_bus = ecam.first_bus;
    out.last_bus = ecam.last_bus;
    if (!error.ok()) why << error;
    return error.ok();
  }
  if (have_tree_) {
    const FirmwareTreeError error = tree_.ReadPciHost(out);
    if (!error.ok()) why << error;
    return error.ok();
  }
  why << "firmware does not say where PCI devices are";
  return false;
}

std::span<const std::byte> Firmware::Seed() const {
  return have_tree_ ? tree_.Seed() : std::span<const std::byte>();
}

}  // namespace bulkhead
