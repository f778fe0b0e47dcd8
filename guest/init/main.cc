// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

// The first process of a pod's guest: sets the pod up, has crun start its containers, reports to
// the host over the agent port, and powers the machine off.

#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "guest/init/agent_channel.h"
#include "guest/init/container.h"
#include "guest/init/failure.h"
#include "guest/init/files.h"
#include "guest/init/pod_runner.h"
#include "guest/init/pump.h"
#include "guest/init/setup.h"

namespace bulkhead {
namespace {

constexpr int kPortTimeoutMs = 20'000;

// Where a person sees it when the agent port cannot be used: the kernel's log.
void LogToConsole(const std::string& text) {
  const int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)WriteAll(fd, "<3>bulkhead init: " + text + "\n");
  close(fd);
}

void KillEverything() { kill(-1, SIGKILL); }

class Crun final : public ContainerRuntime {
 public:
  explicit Crun(const PodSpec& spec) : spec_(spec) {}

  MaybeFailure Start(size_t container, Container* out) override {
    const PodSpec::Container& spec = spec_.containers[container];
    BULKHEAD_RETURN_IF_FAILED(MakeRoot(container, spec.image));
    return StartContainer(Id(container), BundleOf(container), spec.has_stdin, out);
  }
  void Remove(size_t container) override {
    DeleteContainer(Id(container));
    RemoveRoot(container);
  }

 private:
  static std::string Id(size_t container) { return "container" + std::to_string(container); }

  const PodSpec& spec_;
};

MaybeFailure SetUpPod(PodSpec* spec) {
  BULKHEAD_RETURN_IF_FAILED(ReadPodSpec(spec));
  BULKHEAD_RETURN_IF_FAILED(SetHostname());
  BULKHEAD_RETURN_IF_FAILED(BringLoopbackUp());
  uint32_t images = 0;
  for (const auto& container : spec->containers) images = std::max(images, container.image + 1);
  BULKHEAD_RETURN_IF_FAILED(MountImages(images));
  return MountVolumes(spec->volumes);
}

// Runs the pod and reports. `early` is what went wrong before the port could be opened.
void RunPod(AgentChannel* channel, int child_signal, MaybeFailure early) {
  channel->Send(AgentMessage::kHello, 0, kAgentProtocolVersion);
  (void)channel->Write();  // at once: what follows takes a while, and may hang
  PodSpec spec;
  MaybeFailure failure = std::move(early);
  if (!failure) failure = SetUpPod(&spec);

  Crun crun(spec);
  Pump pump(channel, child_signal);
  if (!failure) failure = PodRunner(spec, crun, *channel, pump).Run();
  if (failure) {
    KillEverything();
    channel->SendFailed(kAgentWholePod, failure->status, failure->text);
    LogToConsole(failure->text);
  }
  if (!pump.Finish()) LogToConsole("the host did not take everything that the pod wrote");
}

int Main() {
  if (getpid() != 1) {
    std::fprintf(stderr, "bulkhead init: runs only as the first process of a pod's guest\n");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);

  MaybeFailure failure = LeaveInitialRoot();
  if (!failure) failure = MountKernelFileSystems();
  if (!failure) failure = LoadModules();
  const int port = OpenAgentPort(kPortTimeoutMs);
  const int child_signal = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
  if (port < 0 || child_signal < 0) {
    LogToConsole(failure ? failure->text : "no agent port: is the pod's virtio-console there?");
  } else {
    AgentChannel channel(port);
    RunPod(&channel, child_signal, std::move(failure));
  }
  // Nothing in this guest outlives it: there is nothing to unmount or to sync.
  reboot(RB_POWER_OFF);
  LogToConsole("cannot power off");
  for (;;) pause();
}

}  // namespace
}  // namespace bulkhead

int main() { return bulkhead::Main(); }
