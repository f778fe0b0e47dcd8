// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "tests/harness/files.h"

#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace bulkhead {
namespace {

[[noreturn]] void Die(const std::string& what, const std::string& path) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), path.c_str());
  std::abort();
}

}  // namespace

TempDirectory::TempDirectory() {
  const char* parent = std::getenv("TEST_TMPDIR");
  path_ = std::string(parent != nullptr ? parent : "/tmp") + "/bulkhead-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) Die("cannot make a temporary directory", path_);
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadFileOrDie(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  if (!file) Die("cannot read", path);
  return contents.str();
}

void WriteFileOrDie(const std::string& path, std::string_view contents) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  std::ofstream file(path, std::ios::binary);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (!file) Die("cannot write", path);
}

}  // namespace bulkhead
