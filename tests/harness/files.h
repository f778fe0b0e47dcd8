// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#ifndef BULKHEAD_TESTS_HARNESS_FILES_H_
#define BULKHEAD_TESTS_HARNESS_FILES_H_

#include <string>
#include <string_view>

namespace bulkhead {

// A fresh directory under TEST_TMPDIR (or /tmp), removed with all it holds.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// These end the test program with a message when they fail: a test cannot go on without its files.
std::string ReadFileOrDie(const std::string& path);
// Makes the directories on the way.
void WriteFileOrDie(const std::string& path, std::string_view contents);

}  // namespace bulkhead

#endif  // BULKHEAD_TESTS_HARNESS_FILES_H_
