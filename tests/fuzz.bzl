# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""fuzz_test: a libFuzzer target that `bazel test` runs for a bounded time.

The target and everything it depends on are built with libFuzzer's coverage and the
sanitizers, whatever the configuration of the build around it, so the plain `bazel test`
finds what `--config=sanitize` finds.

    fuzz_test(
        name = "parser_fuzz",
        srcs = ["parser_fuzz.cc"],       # defines LLVMFuzzerTestOneInput
        corpus = glob(["parser_corpus/*"]),  # the default
        deps = [":parser"],
    )

A longer run is `bazel test --config=fuzz //parser:parser_fuzz`; any libFuzzer flag can be
given with `--test_arg`. An input that fails is left in the test's outputs and repeated with
`bazel run //parser:parser_fuzz -- FILE`.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary")

_SANITIZE = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-fno-sanitize=vptr",
    "-UNDEBUG",
    "-O1",
    "-g",
]

def _missing(flags, present):
    return [flag for flag in flags if flag not in present]

def _transition_impl(settings, _attr):
    copts = settings["//command_line_option:copt"]
    linkopts = settings["//command_line_option:linkopt"]
    return {
        "//command_line_option:copt": copts + _missing(_SANITIZE + ["-fsanitize=fuzzer-no-link"], copts),
        "//command_line_option:linkopt": linkopts + _missing(
            ["-fsanitize=fuzzer,address,undefined"],
            linkopts,
        ),
    }

_OPTIONS = [
    "//command_line_option:copt",
    "//command_line_option:linkopt",
]

_fuzzer_transition = transition(
    implementation = _transition_impl,
    inputs = _OPTIONS,
    outputs = _OPTIONS,
)

# With a file among the arguments libFuzzer repeats that one input; otherwise it replays the
# corpus and goes on from there. New inputs go to a directory of this run, never to the corpus.
_SCRIPT = """#!/bin/bash
set -e
if [[ $# -gt 0 && -f ${{!#}} ]]; then exec {binary} "$@"; fi
work=${{TEST_TMPDIR:-$(mktemp -d)}}/corpus
mkdir -p "$work"
exec {binary} -seed=1 -runs=20000 -max_total_time="${{BULKHEAD_FUZZ_SECONDS:-10}}" \\
  -rss_limit_mb=1024 -verbosity=1 -print_final_stats=1 \\
  -artifact_prefix="${{TEST_UNDECLARED_OUTPUTS_DIR:-$work}}/" {flags} \\
  ${{BULKHEAD_FUZZ_SECONDS:+-runs=-1}} "$@" "$work" {directories}
"""

def _fuzz_run_test_impl(ctx):
    binary = ctx.attr.binary[0][DefaultInfo].files_to_run.executable
    directories = {file.short_path.rpartition("/")[0]: None for file in ctx.files.corpus}
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        output = script,
        is_executable = True,
        content = _SCRIPT.format(
            binary = "./" + binary.short_path,
            directories = " ".join(directories.keys()),
            flags = " ".join(ctx.attr.flags),
        ),
    )
    runfiles = ctx.runfiles(files = [binary] + ctx.files.corpus)
    runfiles = runfiles.merge(ctx.attr.binary[0][DefaultInfo].default_runfiles)
    return [DefaultInfo(executable = script, runfiles = runfiles)]

_fuzz_run_test = rule(
    implementation = _fuzz_run_test_impl,
    test = True,
    attrs = {
        "binary": attr.label(cfg = _fuzzer_transition, mandatory = True),
        "corpus": attr.label_list(allow_files = True),
        "flags": attr.string_list(),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

def fuzz_test(name, srcs, deps = [], corpus = None, max_len = 4096, tags = [], **kwargs):
    """A test that feeds LLVMFuzzerTestOneInput its corpus, then inputs made from it.

    Args:
      name: FOO_fuzz by custom.
      srcs: define LLVMFuzzerTestOneInput; no main.
      deps: libraries under test.
      corpus: checked-in inputs; FOO_corpus/** unless given.
      max_len: longest input made, in bytes.
      tags: added to "host" and "fuzz".
      **kwargs: for the test rule.
    """
    if corpus == None:
        stem = name[:-len("_fuzz")] if name.endswith("_fuzz") else name
        corpus = native.glob([stem + "_corpus/**"])
    cc_binary(
        name = name + "_target",
        testonly = True,
        srcs = srcs,
        linkstatic = True,
        # Only the test's configuration has libFuzzer's main.
        tags = ["manual"],
        deps = deps,
    )
    _fuzz_run_test(
        name = name,
        size = "medium",
        binary = name + "_target",
        corpus = corpus,
        flags = ["-max_len=%d" % max_len],
        tags = ["host", "fuzz"] + tags,
        **kwargs
    )
