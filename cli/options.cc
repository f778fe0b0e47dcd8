// SPDX-License-Identifier: Apache-2.0
// Copyright The Bulkhead Authors

#include "cli/options.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "cli/failure.h"
#include "cli/node_options.h"
#include "cli/up_options.h"

namespace bulkhead {
namespace {

constexpr uint64_t kMinMemory = uint64_t{16} << 20;
constexpr uint64_t kMaxMemory = uint64_t{1} << 40;
constexpr uint64_t kPage = 4096;
constexpr char kEmptyEntrypoint[] = "--entrypoint=";
constexpr char kEmptyMark[] = "\x01";

constexpr char kDescription[] =
    "Runs a container image as a pod in its own virtual machine, on the Bulkhead microhypervisor\n"
    "in an emulated machine. The container's output is this command's output, its exit status this "
    "command's.";

constexpr char kFooter[] = R"(IMAGE is one of
  example:NAME             a sample image made from Debian packages; try example:hello
  oci:DIR[:TAG]            an OCI image layout directory
  oci-archive:FILE[:TAG]   the same in a tar file
  docker-archive:FILE[:REF]  what 'docker save' or 'podman save' writes
  docker://REFERENCE       an image in a registry

Exit status: the container's own; 125 when Bulkhead itself failed; 126 when the command cannot be
executed, 127 when it is not in the image; 128+N when signal N ended the container.

Examples:
  bulkhead run example:hello
  bulkhead run -m 1g oci:./redis:latest -- redis-server --version
  echo text | bulkhead run docker-archive:app.tar -- wc -c)";

// IMAGE and what follows it are not CLI11's to know.
class RunFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: bulkhead run [options] IMAGE [--] [COMMAND [ARG...]]\n";
  }
};

// A pod's name ends up in paths and in the guest's host name.
bool IsName(const std::string& name) {
  if (name.empty() || name.size() > 63 || std::isalnum(static_cast<unsigned char>(name[0])) == 0) {
    return false;
  }
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  });
}

absl::Status CheckRun(RunOptions* run) {
  if (!IsName(run->name)) {
    return Failure("'", Printable(run->name),
                   "' is not a name; --name takes up to 63 letters, digits and _.-, beginning with "
                   "a letter or digit");
  }
  if (run->hostname.empty()) run->hostname = run->name;
  if (!IsName(run->hostname)) {
    return Failure("'", Printable(run->hostname),
                   "' is not a host name; --hostname takes up to 63 letters, digits and -");
  }
  if (!run->workdir.empty() && run->workdir[0] != '/') {
    return Failure("the working directory '", Printable(run->workdir),
                   "' is not absolute; give --workdir a path that begins with /");
  }
  for (const std::string& variable : run->env) {
    if (variable.empty() || variable[0] == '=') {
      return Failure("'", Printable(variable), "' sets no variable; --env takes NAME=VALUE");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> ParseMemorySize(const std::string& text) {
  size_t digits = 0;
  uint64_t value = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0) {
    const auto digit = static_cast<uint64_t>(text[digits] - '0');
    if (value > (std::numeric_limits<uint64_t>::max() - digit) / 10) value = kMaxMemory + 1;
    value = value * 10 + digit;
    ++digits;
    if (value > (uint64_t{1} << 50)) value = uint64_t{1} << 50;
  }
  std::string unit = text.substr(digits);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  uint64_t factor = 0;
  if (unit.empty() || unit == "b") factor = 1;
  for (const auto& [letter, shift] : {std::pair{'k', 10}, {'m', 20}, {'g', 30}}) {
    const std::string one(1, letter);
    if (unit == one || unit == one + "b" || unit == one + "ib") factor = uint64_t{1} << shift;
  }
  if (digits == 0 || factor == 0) {
    return Failure("'", Printable(text),
                   "' is not an amount of memory; write a number with b, k, m or g, like 512m");
  }
  if (value > kMaxMemory / factor) {
    return Failure("'", Printable(text),
                   "' is more memory than a pod can have; use less than 1024g");
  }
  return value * factor;
}

absl::StatusOr<uint32_t> ParseCpus(const std::string& text) {
  double cpus = 0;
  // Not what SimpleAtod takes besides: signs, exponents, infinities.
  if (text.find_first_not_of("0123456789.") != std::string::npos ||
      !absl::SimpleAtod(text, &cpus)) {
    return Failure("--cpus '", Printable(text),
                   "' is not a number of CPUs; write one up to 1, like 0.5");
  }
  if (cpus > 1) {
    return Failure("--cpus ", Printable(text), " is not supported; a pod has 1 CPU so far");
  }
  // 0.07 * 1000 is a little more than 70.
  constexpr double kRounding = 1e-6;
  return static_cast<uint32_t>(std::ceil(cpus * 1000 - kRounding));
}

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  CLI::App app("Bulkhead: every container pod in a virtual machine of its own.", "bulkhead");
  app.set_help_flag("-h,--help", "Show this help");
  app.set_version_flag("-v,--version", std::string("bulkhead ") + kVersion, "Show the version");
  app.footer("'bulkhead COMMAND --help' explains a command and its options.");
  app.require_subcommand(0, 1);

  RunOptions run;
  std::string memory;
  std::string entrypoint;
  std::string pull = "missing";
  std::string cpus = "0";
  std::vector<std::string> rest;
  CLI::App* command = app.add_subcommand("run", "Run an image as a pod");
  command->description(kDescription);
  command->formatter(std::make_shared<RunFormatter>());
  command->footer(kFooter);
  command->set_help_flag("-h,--help", "Show this help");
  // Options after IMAGE belong to the container's command.
  command->prefix_command();
  // Given twice, the last one counts, as with podman.
  command->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command->add_option("-m,--memory", memory, "Memory of the pod, like 512m or 2g (default 512m)")
      ->type_name("SIZE");
  command
      ->add_option("--cpus", cpus,
                   "The most CPU time of the pod, like 0.5; up to 1, which it has without this")
      ->type_name("N");
  command
      ->add_option("-e,--env", run.env,
                   "Set an environment variable; NAME alone takes it from here")
      ->type_name("NAME[=VALUE]")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("-w,--workdir", run.workdir, "Working directory in the container")
      ->type_name("DIR");
  command->add_option("-u,--user", run.user, "User to run as, names or numbers")
      ->type_name("USER[:GROUP]");
  CLI::Option* entry =
      command
          ->add_option(
              "--entrypoint", entrypoint,
              "Replace the image's entrypoint: a command, a JSON array of words, or '' for "
              "none")
          ->type_name("COMMAND");
  command->add_option("--name", run.name, "Name of the pod (default pod)")->type_name("NAME");
  command->add_option("--hostname", run.hostname, "Host name in the pod (default: its name)")
      ->type_name("NAME");
  command->add_option("--pull", pull, "When to ask the registry: missing (default), always, never")
      ->type_name("POLICY");
  command->add_option("--timeout", run.timeout, "Stop the container after so many seconds")
      ->type_name("SECONDS");
  NodeOptionParser node;
  node.AddTo(command, &run);
  UpOptionParser up;
  const CLI::App* const up_command = up.AddTo(&app);
  ClientOptionParser client;
  client.AddTo(&app);

  // CLI11 takes them from the back. It cannot tell `--entrypoint=` from an option without its
  // value, so that one gets a value that stands for the empty one.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  for (std::string& word : reversed) {
    if (word == kEmptyEntrypoint) word += kEmptyMark;
  }
  CommandLine out;
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* const asked = command->parsed()            ? command
                                  : up_command->parsed()       ? up_command
                                  : client.parsed() != nullptr ? client.parsed()
                                                               : &app;
    out.text = asked->help();
    return out;
  } catch (const CLI::CallForVersion& version) {
    out.text = std::string(version.what()) + "\n";
    return out;
  } catch (const CLI::ParseError& error) {
    const std::vector<CLI::App*> parsed = app.get_subcommands();
    return UsageFailure(error.what(), parsed.empty() ? "" : parsed[0]->get_name());
  }
  if (client.parsed() != nullptr) {
    BULKHEAD_ASSIGN_OR_RETURN(out.client, client.Finish());
    return out;
  }
  if (up_command->parsed()) {
    BULKHEAD_ASSIGN_OR_RETURN(out.up, up.Finish());
    return out;
  }
  if (!command->parsed()) {
    const std::vector<std::string> extra = app.remaining();
    if (extra.empty()) return Failure("no command is given; try 'bulkhead run example:hello'");
    return UsageFailure("there is no command '" + extra[0] + "'", "");
  }

  rest = command->remaining();
  for (std::string& word : rest) {
    if (word == std::string(kEmptyEntrypoint) + kEmptyMark) word.pop_back();
  }
  if (entrypoint == kEmptyMark) entrypoint.clear();
  if (rest.empty()) {
    return Failure("no image is given; try 'bulkhead run example:hello'");
  }
  run.image = rest[0];
  if (run.image == "--") return Failure("no image is given before '--'; it comes first");
  // A first word that looks like an option is one that this command does not have.
  if (run.image[0] == '-') {
    return UsageFailure("there is no option '" + run.image + "'", "run");
  }
  size_t first = 1;
  if (first < rest.size() && rest[first] == "--") ++first;
  run.command.assign(rest.begin() + static_cast<std::ptrdiff_t>(first), rest.end());

  if (!memory.empty()) {
    BULKHEAD_ASSIGN_OR_RETURN(run.memory, ParseMemorySize(memory));
    if (run.memory < kMinMemory) {
      return Failure("--memory ", Printable(memory), " is too small; a pod needs at least 16m");
    }
    run.memory = (run.memory + kPage - 1) / kPage * kPage;
  }
  BULKHEAD_ASSIGN_OR_RETURN(run.cpu_limit, ParseCpus(cpus));
  if (entry->count() > 0) run.entrypoint = entrypoint;
  BULKHEAD_RETURN_IF_FAILED(node.Finish());
  if (pull == "always") {
    run.pull = PullPolicy::kAlways;
  } else if (pull == "never") {
    run.pull = PullPolicy::kNever;
  } else if (pull != "missing") {
    return Failure("there is no pull policy '", Printable(pull), "'; use missing, always or never");
  }
  BULKHEAD_RETURN_IF_FAILED(CheckRun(&run));
  out.run = run;
  return out;
}

}  // namespace bulkhead
