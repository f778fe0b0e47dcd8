// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/accelerator.h"

#include <unistd.h>

#include <sstream>

#include "cli/files.h"

namespace bulkhead {
namespace {

bool HasFlag(const std::string& cpuinfo, const std::string& flag) {
  std::istringstream lines(cpuinfo);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) {
      if (word == flag) return true;
    }
    return false;  // all CPUs have the same
  }
  return false;
}

bool IsYes(const std::string& parameter) {
  return !parameter.empty() && (parameter[0] == 'Y' || parameter[0] == '1');
}

}  // namespace

HostFacts ReadHostFacts() {
  HostFacts out;
  out.cpuinfo = ReadFile("/proc/cpuinfo", 16 << 20).value_or("");
  out.nested_amd = ReadFile("/sys/module/kvm_amd/parameters/nested", 64).value_or("");
  out.nested_intel = ReadFile("/sys/module/kvm_intel/parameters/nested", 64).value_or("");
  out.kvm_usable = access("/dev/kvm", R_OK | W_OK) == 0;
  return out;
}

Accelerator ChooseAccelerator(const HostFacts& facts) {
  const bool amd = HasFlag(facts.cpuinfo, "svm") && IsYes(facts.nested_amd);
  const bool intel = HasFlag(facts.cpuinfo, "vmx") && IsYes(facts.nested_intel);
  return facts.kvm_usable && (amd || intel) ? Accelerator::kKvm : Accelerator::kTcg;
}

}  // namespace bulkhead
