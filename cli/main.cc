// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The `bulkhead` command.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cli/failure.h"
#include "cli/flatten.h"
#include "cli/options.h"
#include "cli/run.h"
#include "cli/up.h"

namespace bulkhead {
namespace {

// Closed standard descriptors would be taken by the next file that is opened.
void OpenStandardDescriptors() {
  int fd;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd < 3);
  if (fd >= 0) close(fd);
}

std::string OwnProgram(const char* fallback) {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
  return n > 0 ? std::string(path, static_cast<size_t>(n)) : fallback;
}

void PrintError(const std::string& text) { std::fprintf(stderr, "bulkhead: %s\n", text.c_str()); }

// `pods`: does the work, with our program and a context.
template <typename Pods>
int Run(const NodeOptions& options, const char* argv0, Pods pods) {
  absl::StatusOr<SignalWatcher> signals = SignalWatcher::Create();
  if (!signals.ok()) {
    PrintError(std::string(signals.status().message()));
    return kExitOwnError;
  }
  Progress progress(STDERR_FILENO, isatty(STDERR_FILENO) == 1 && !options.quiet);
  const absl::StatusOr<SessionResult> result =
      pods(OwnProgram(argv0), RunContext{&*signals, &progress});
  progress.Finish();
  if (const int signal = InterruptSignal(result.status()); signal != 0) return 128 + signal;
  if (!result.ok()) {
    PrintError(std::string(result.status().message()));
    return kExitOwnError;
  }
  if (!result->error.empty()) PrintError(result->error);
  return result->exit_status;
}

int Main(int argc, char** argv) {
  OpenStandardDescriptors();
  // Trees may be deep, and removing one holds a descriptor for every level.
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == kFlattenCommand) {
    return FlattenMain({arguments.begin() + 1, arguments.end()});
  }
  const absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) {
    PrintError(std::string(line.status().message()));
    return kExitOwnError;
  }
  if (line->run.has_value()) {
    return Run(*line->run, argv[0], [&](const std::string& program, const RunContext& context) {
      return RunPod(*line->run, program, context);
    });
  }
  if (line->up.has_value()) {
    return Run(*line->up, argv[0], [&](const std::string& program, const RunContext& context) {
      return UpPods(*line->up, program, context);
    });
  }
  return std::fputs(line->text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? kExitOwnError : 0;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
