# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""clang-tidy over what Bazel compiles, with the flags it compiles with.

    bazel build --config=tidy //...

makes one clang-tidy run of each C++ source, for whichever platform it is compiled, and keeps its
result as Bazel keeps any other: only what changed is looked at again. A finding is a failed
action. The checks are those of //:.clang-tidy, and for tests the fewer of //tests:.clang-tidy. A
target tagged "no-clang-tidy" is left alone.
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

_SOURCES = ["cc", "cpp"]

# The attributes along which C++ targets depend on one another.
_EDGES = ["actual", "binary", "data", "deps", "srcs"]

def _flags(ctx, context):
    """What the compiler is given for a source of this target, but for the files' names."""
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts +
                             getattr(ctx.rule.attr, "copts", []),
        include_directories = context.includes,
        quote_include_directories = context.quote_includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = depset(
            ["BAZEL_CURRENT_REPOSITORY=\"\""] + getattr(ctx.rule.attr, "local_defines", []),
            transitive = [context.defines],
        ),
    )
    flags = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = ACTION_NAMES.cpp_compile,
        variables = variables,
    )

    # libFuzzer's instrumentation is of no use here.
    return [flag for flag in flags if not flag.startswith("-fsanitize=")], toolchain.all_files

def _check(target, ctx):
    """One action for each source of a target; returns their outputs."""
    if target.label.workspace_name or "no-clang-tidy" in ctx.rule.attr.tags:
        return []
    if ctx.rule.kind not in ["cc_binary", "cc_library", "cc_test"]:
        return []

    # A target that is incompatible with the platform has no actions of its own.
    if "CppCompile" not in [action.mnemonic for action in target.actions]:
        return []

    # What fuzzers are made of (tests/fuzz.bzl) is checked as it is for everybody else, and what
    # is not for one platform only, as it is for the machine that builds.
    if "-fsanitize=fuzzer-no-link" in ctx.fragments.cpp.copts and not ctx.rule.attr.testonly:
        return []
    if find_cpp_toolchain(ctx).libc == "none" and not ctx.rule.attr.target_compatible_with:
        return []
    sources = [
        file
        for file in ctx.rule.files.srcs
        if file.extension in _SOURCES and file.is_source and not file.owner.workspace_name
    ]
    if not sources:
        return []
    providers = [target[CcInfo]] if CcInfo in target else []
    providers += [dep[CcInfo] for dep in ctx.rule.attr.deps if CcInfo in dep]
    context = cc_common.merge_cc_infos(cc_infos = providers).compilation_context
    flags, toolchain_files = _flags(ctx, context)
    test = ctx.rule.attr.testonly or ctx.rule.kind == "cc_test"
    config = ctx.file._test_config if test else ctx.file._config
    stamps = []
    for source in sources:
        stamp = ctx.actions.declare_file("%s.clang_tidy/%s.ok" % (target.label.name, source.path))
        ctx.actions.run(
            executable = ctx.executable._run,
            arguments = [stamp.path, config.path, source.path] + flags,
            inputs = depset(
                [config] + ctx.rule.files.srcs,
                transitive = [context.headers, toolchain_files],
            ),
            outputs = [stamp],
            mnemonic = "ClangTidy",
            progress_message = "Checking %s" % source.path,
            use_default_shell_env = True,
        )
        stamps.append(stamp)
    return stamps

def _clang_tidy_impl(target, ctx):
    transitive = []
    for name in _EDGES:
        value = getattr(ctx.rule.attr, name, [])
        for dependency in value if type(value) == "list" else [value]:
            if type(dependency) == "Target" and OutputGroupInfo in dependency:
                if hasattr(dependency[OutputGroupInfo], "clang_tidy"):
                    transitive.append(dependency[OutputGroupInfo].clang_tidy)
    return [OutputGroupInfo(clang_tidy = depset(_check(target, ctx), transitive = transitive))]

clang_tidy = aspect(
    implementation = _clang_tidy_impl,
    attr_aspects = _EDGES,
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    attrs = {
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
        "_test_config": attr.label(
            default = "//tests:.clang-tidy",
            allow_single_file = True,
        ),
        "_run": attr.label(
            default = "//toolchain:run_clang_tidy",
            executable = True,
            cfg = "host",
        ),
    },
)
