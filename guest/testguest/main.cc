// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// A guest without an operating system that checks its platform one thing after the other, measures
// what exits cost, or misbehaves: testguest.mode=MODE on the command line, docs/guest-platform.md.

#include <cstdint>
#include <string_view>

#include "guest/testguest/checks.h"
#include "guest/testguest/machine.h"
#include "guest/testguest/measure.h"
#include "guest/testguest/share.h"
#include "guest/testguest/tap.h"

namespace bulkhead::testguest {
namespace {

std::string_view Mode(std::string_view command_line) {
  constexpr std::string_view kKey = "testguest.mode=";
  const size_t at = command_line.find(kKey);
  if (at == std::string_view::npos) return "tap";
  command_line.remove_prefix(at + kKey.size());
  return command_line.substr(0, command_line.find(' '));
}

}  // namespace

extern "C" [[noreturn]] void TestGuestMain(uint64_t boot) {
  InstallInterrupts();
  const std::string_view mode = Mode(CommandLine(boot));
  if (mode == "poweroff") PowerOff();
  if (mode == "measure") {
    MeasurePlatform();
    MeasureExits();
    PowerOff();
  }
  if (mode != "tap") {
    Line line;
    line << "# mode " << mode << "\n";
    Print(line.view());
    if (mode == "share") MeasureShare();
    if (mode == "sleep") Sleep();
    BeHostile(mode);
    Print("Bail out! unknown mode, or it did not end the guest\n");
    PowerOff();
  }
  Print("TAP version 13\n");
  CheckEntry(boot);
  CheckIdentity();
  CheckRegisters();
  CheckInterrupts();
  CheckClock();
  CheckDevices();
  PrintPlan();
  PowerOff();
}

}  // namespace bulkhead::testguest
