// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/symbols.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "tests/harness/files.h"

namespace bulkhead {
namespace {

constexpr char kSymbolize[] = "tools/symbolize";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

std::string OutputOf(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) Die("cannot run " + command);
  std::string out;
  std::array<char, 65536> buffer;
  for (size_t count; (count = fread(buffer.data(), 1, buffer.size(), pipe)) != 0;) {
    out.append(buffer.data(), count);
  }
  if (const int status = pclose(pipe); status != 0) {
    Die(command + " ended with status " + std::to_string(status) + ":\n" + out);
  }
  return out;
}

}  // namespace

uint64_t FunctionAddress(const std::string& elf, const std::string& name) {
  std::istringstream lines(OutputOf("llvm-nm-19 -C " + elf));
  uint64_t found = 0;
  for (std::string line; std::getline(lines, line);) {
    // "ADDRESS KIND NAME"
    constexpr size_t kAddress = 16, kName = 19;
    if (line.size() < kName || line.substr(kName) != name) continue;
    if (found != 0) Die(elf + " has more than one " + name);
    found = std::strtoull(line.substr(0, kAddress).c_str(), nullptr, 16);
  }
  if (found == 0) Die(elf + " has no " + name);
  return found;
}

std::string Symbolize(const std::string& log, const std::vector<std::string>& options) {
  const TempDirectory directory;
  WriteFileOrDie(directory / "log", log);
  std::string command = kSymbolize;
  for (const std::string& option : options) command += " " + option;
  return OutputOf(command + " " + (directory / "log"));
}

}  // namespace bulkhead
