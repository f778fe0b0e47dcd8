# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Builds a target for a platform, without the flags of host tests, so that they can depend on it."""

def _transition_impl(_settings, attr):
    return {
        "//command_line_option:platforms": [str(attr.platform)],
        "//command_line_option:compilation_mode": "opt",
        # Flags of host tests (sanitizers, coverage) must not reach what runs elsewhere.
        "//command_line_option:copt": [],
        "//command_line_option:cxxopt": ["-std=c++20"],
        "//command_line_option:linkopt": [],
    }

_platform_transition = transition(
    implementation = _transition_impl,
    inputs = [],
    outputs = [
        "//command_line_option:platforms",
        "//command_line_option:compilation_mode",
        "//command_line_option:copt",
        "//command_line_option:cxxopt",
        "//command_line_option:linkopt",
    ],
)

def _impl(ctx):
    src = ctx.attr.actual[0][DefaultInfo].files.to_list()
    if len(src) != 1:
        fail("expected one file from actual")
    out = ctx.actions.declare_file(ctx.attr.out or ctx.label.name)
    ctx.actions.symlink(output = out, target_file = src[0])
    return [DefaultInfo(
        files = depset([out]),
        runfiles = ctx.runfiles(files = [out]),
    )]

platform_binary = rule(
    implementation = _impl,
    attrs = {
        "actual": attr.label(cfg = _platform_transition, mandatory = True),
        "out": attr.string(),
        "platform": attr.label(mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
