// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The `bulkhead` command.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "cli/client/client.h"
#include "cli/detach.h"
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

int Talk(const ClientOptions& options) {
  Progress progress(STDERR_FILENO, isatty(STDERR_FILENO) == 1);
  const absl::Status status = RunClient(options, &progress);
  progress.Finish();
  if (status.ok()) return 0;
  if (!status.message().empty()) PrintError(std::string(status.message()));
  return 1;
}

// The node in a process of its own; here what is there once it goes on alone.
int Detach(const UpOptions& options, const char* argv0) {
  const absl::StatusOr<std::optional<int>> ended = StartDetached([&](Detachment* detachment) {
    return Run(options, argv0, [&](const std::string& program, const RunContext& context) {
      return UpPods(options, program, context, detachment);
    });
  });
  if (!ended.ok()) {
    PrintError(std::string(ended.status().message()));
    return kExitOwnError;
  }
  if (ended->has_value()) return **ended;
  ClientOptions ps;
  ps.node = options.name;
  if (const int status = Talk(ps); status != 0) return status;
  const std::string name = options.name == kDefaultNode ? "" : " --name " + options.name;
  std::printf(
      "\n'bulkhead logs -f%s POD' shows what a pod writes, 'bulkhead top%s' what it uses;\n"
      "'bulkhead down%s' ends the node.\n",
      name.c_str(), name.c_str(), name.c_str());
  return 0;
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
  if (line->up.has_value() && line->up->detach) return Detach(*line->up, argv[0]);
  if (line->up.has_value()) {
    return Run(*line->up, argv[0], [&](const std::string& program, const RunContext& context) {
      return UpPods(*line->up, program, context, nullptr);
    });
  }
  if (line->client.has_value()) return Talk(*line->client);
  return std::fputs(line->text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? kExitOwnError : 0;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) { return bulkhead::Main(argc, argv); }
