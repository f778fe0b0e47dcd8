# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Clang/LLD toolchains for freestanding ELF and UEFI PE targets."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load(
    "@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl",
    "action_config",
    "env_entry",
    "env_set",
    "feature",
    "flag_group",
    "flag_set",
    "tool",
    "tool_path",
    "variable_with_value",
)
load("@bulkhead_llvm//:llvm.bzl", "LLVM")
load("@rules_cc//cc:defs.bzl", "CcToolchainConfigInfo", "cc_toolchain")

_COMPILE = [
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
]
_CXX = [ACTION_NAMES.cpp_compile, ACTION_NAMES.cpp_header_parsing]

def _fs(actions, groups):
    return flag_set(actions = actions, flag_groups = groups)

def _fg(flags, **kw):
    return flag_group(flags = flags, **kw)

def _impl(ctx):
    pe = ctx.attr.format == "pe"
    linker = LLVM.lld_link if pe else LLVM.ld_lld

    action_configs = [
        action_config(action_name = a, enabled = True, tools = [tool(path = LLVM.clang)])
        for a in _COMPILE
    ] + [
        action_config(
            action_name = ACTION_NAMES.cpp_link_executable,
            enabled = True,
            tools = [tool(path = linker)],
        ),
        action_config(
            action_name = ACTION_NAMES.cpp_link_static_library,
            enabled = True,
            tools = [tool(path = LLVM.ar)],
        ),
        action_config(
            action_name = ACTION_NAMES.strip,
            enabled = True,
            tools = [tool(path = LLVM.objcopy)],
        ),
    ]

    base = feature(name = "bulkhead_base", enabled = True, flag_sets = [
        _fs(_COMPILE, [_fg([
            "--target=" + ctx.attr.triple,
            "-ffreestanding",
            "-nostdlibinc",
            "-g",
            "-Wall",
            "-Wextra",
            "-fno-stack-protector",
            "-fno-omit-frame-pointer",
            "-ffunction-sections",
            "-fdata-sections",
            "-fno-common",
            "-fno-asynchronous-unwind-tables",
            "-Wno-builtin-macro-redefined",
            "-D__DATE__=\"redacted\"",
            "-D__TIMESTAMP__=\"redacted\"",
            "-D__TIME__=\"redacted\"",
        ] + ctx.attr.copts)]),
        _fs(_CXX, [_fg([
            "-std=c++20",
            "-fno-exceptions",
            "-fno-rtti",
            "-fno-threadsafe-statics",
            "-nostdinc++",
            "-isystem",
            "toolchain/libc/libcxx",
            "-isystem",
            LLVM.libcxx,
        ])]),
        _fs(_COMPILE, [_fg(["-isystem", "toolchain/libc/include"])]),
        _fs([ACTION_NAMES.cpp_link_executable], [_fg([
            "/nologo",
            "/subsystem:efi_application",
            "/entry:efi_main",
            "/nodefaultlib",
            "/machine:" + ("x64" if ctx.attr.cpu == "x86_64" else "arm64"),
            "/debug:none",
        ] if pe else [
            "-nostdlib",
            "-static",
            "--gc-sections",
            "--fatal-warnings",
            "-z",
            "noexecstack",
            "-z",
            "max-page-size=4096",
            "--build-id=none",
        ])]),
    ])

    # Files are small and calls between them are on every hot path: optimized as one program.
    opt = feature(name = "opt", flag_sets = [
        _fs(_COMPILE, [_fg(["-O2"] if pe else ["-O2", "-flto"])]),
    ])
    fastbuild = feature(name = "fastbuild", flag_sets = [_fs(_COMPILE, [_fg(["-O1"])])])
    dbg = feature(name = "dbg", flag_sets = [_fs(_COMPILE, [_fg(["-Og"])])])

    plumbing = [
        feature(name = "no_legacy_features"),
        feature(name = "dependency_file", enabled = True, flag_sets = [_fs(_COMPILE, [
            _fg(["-MD", "-MF", "%{dependency_file}"], expand_if_available = "dependency_file"),
        ])]),
        feature(name = "preprocessor_defines", enabled = True, flag_sets = [_fs(_COMPILE, [
            _fg(["-D%{preprocessor_defines}"], iterate_over = "preprocessor_defines"),
        ])]),
        feature(name = "include_paths", enabled = True, flag_sets = [_fs(_COMPILE, [
            _fg(["-iquote", "%{quote_include_paths}"], iterate_over = "quote_include_paths"),
            _fg(["-I%{include_paths}"], iterate_over = "include_paths"),
            _fg(["-isystem", "%{system_include_paths}"], iterate_over = "system_include_paths"),
        ])]),
        feature(name = "includes", enabled = True, flag_sets = [_fs(_COMPILE, [
            _fg(["-include", "%{includes}"], iterate_over = "includes", expand_if_available = "includes"),
        ])]),
        feature(name = "user_compile_flags", enabled = True, flag_sets = [_fs(_COMPILE, [
            _fg(
                ["%{user_compile_flags}"],
                iterate_over = "user_compile_flags",
                expand_if_available = "user_compile_flags",
            ),
        ])]),
        feature(name = "compiler_input_flags", enabled = True, flag_sets = [_fs(_COMPILE, [
            _fg(["-c", "%{source_file}"], expand_if_available = "source_file"),
        ])]),
        feature(name = "compiler_output_flags", enabled = True, flag_sets = [_fs(_COMPILE, [
            _fg(["-o", "%{output_file}"], expand_if_available = "output_file"),
        ])]),
        feature(name = "archiver_flags", enabled = True, flag_sets = [
            _fs([ACTION_NAMES.cpp_link_static_library], [
                _fg(["rcsD", "%{output_execpath}"], expand_if_available = "output_execpath"),
                flag_group(
                    iterate_over = "libraries_to_link",
                    expand_if_available = "libraries_to_link",
                    flag_groups = [
                        _fg(
                            ["%{libraries_to_link.name}"],
                            expand_if_equal = variable_with_value(
                                name = "libraries_to_link.type",
                                value = "object_file",
                            ),
                        ),
                        _fg(
                            ["%{libraries_to_link.object_files}"],
                            expand_if_equal = variable_with_value(
                                name = "libraries_to_link.type",
                                value = "object_file_group",
                            ),
                            iterate_over = "libraries_to_link.object_files",
                        ),
                    ],
                ),
            ]),
        ]),
        feature(name = "output_execpath_flags", enabled = True, flag_sets = [
            _fs([ACTION_NAMES.cpp_link_executable], [
                _fg(
                    ["/out:%{output_execpath}"] if pe else ["-o", "%{output_execpath}"],
                    expand_if_available = "output_execpath",
                ),
            ]),
        ]),
        feature(name = "libraries_to_link", enabled = True, flag_sets = [
            _fs([ACTION_NAMES.cpp_link_executable], [
                flag_group(
                    iterate_over = "libraries_to_link",
                    expand_if_available = "libraries_to_link",
                    flag_groups = [
                        _fg(
                            ["%{libraries_to_link.object_files}"],
                            expand_if_equal = variable_with_value(
                                name = "libraries_to_link.type",
                                value = "object_file_group",
                            ),
                            iterate_over = "libraries_to_link.object_files",
                        ),
                        _fg(
                            ["%{libraries_to_link.name}"],
                            expand_if_equal = variable_with_value(
                                name = "libraries_to_link.type",
                                value = "object_file",
                            ),
                        ),
                    ] + ([
                        _fg(
                            ["%{libraries_to_link.name}"],
                            expand_if_equal = variable_with_value(
                                name = "libraries_to_link.type",
                                value = "static_library",
                            ),
                        ),
                    ] if pe else [
                        flag_group(
                            expand_if_equal = variable_with_value(
                                name = "libraries_to_link.type",
                                value = "static_library",
                            ),
                            flag_groups = [
                                _fg(["--whole-archive"], expand_if_true = "libraries_to_link.is_whole_archive"),
                                _fg(["%{libraries_to_link.name}"]),
                                _fg(["--no-whole-archive"], expand_if_true = "libraries_to_link.is_whole_archive"),
                            ],
                        ),
                    ]),
                ),
            ]),
        ]),
        feature(name = "user_link_flags", enabled = True, flag_sets = [
            _fs([ACTION_NAMES.cpp_link_executable], [
                _fg(
                    ["%{user_link_flags}"],
                    iterate_over = "user_link_flags",
                    expand_if_available = "user_link_flags",
                ),
            ]),
        ]),
        feature(name = "linker_param_file", enabled = True, flag_sets = [
            _fs([ACTION_NAMES.cpp_link_executable, ACTION_NAMES.cpp_link_static_library], [
                _fg(["@%{linker_param_file}"], expand_if_available = "linker_param_file"),
            ]),
        ]),
    ]

    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        toolchain_identifier = ctx.label.name,
        host_system_name = "local",
        target_system_name = ctx.attr.triple,
        target_cpu = ctx.attr.cpu,
        target_libc = "none",
        compiler = "clang",
        abi_version = "none",
        abi_libc_version = "none",
        action_configs = action_configs,
        features = [base, opt, fastbuild, dbg] + plumbing,
        cxx_builtin_include_directories = [
            LLVM.libcxx,
            LLVM.resource_include,
            "%workspace%/toolchain/libc/include",
            "%workspace%/toolchain/libc/libcxx",
        ],
        tool_paths = [
            tool_path(name = "gcc", path = LLVM.clang),
            tool_path(name = "cpp", path = LLVM.clang),
            tool_path(name = "ld", path = linker),
            tool_path(name = "ar", path = LLVM.ar),
            tool_path(name = "nm", path = LLVM.nm),
            tool_path(name = "objcopy", path = LLVM.objcopy),
            tool_path(name = "objdump", path = LLVM.objdump),
            tool_path(name = "strip", path = LLVM.strip),
            tool_path(name = "gcov", path = "/bin/false"),
        ],
    )

_bare_metal_config = rule(
    implementation = _impl,
    attrs = {
        "copts": attr.string_list(),
        "cpu": attr.string(mandatory = True),
        "format": attr.string(values = ["elf", "pe"]),
        "triple": attr.string(mandatory = True),
    },
    provides = [CcToolchainConfigInfo],
)

def bare_metal_toolchain(name, cpu, constraints, triple, format, copts):
    _bare_metal_config(
        name = name + "_config",
        copts = copts,
        cpu = cpu,
        format = format,
        triple = triple,
    )
    cc_toolchain(
        name = name + "_cc",
        all_files = "//toolchain/libc:headers",
        ar_files = ":empty",
        as_files = "//toolchain/libc:headers",
        compiler_files = "//toolchain/libc:headers",
        dwp_files = ":empty",
        linker_files = ":empty",
        objcopy_files = ":empty",
        strip_files = ":empty",
        supports_param_files = True,
        toolchain_config = name + "_config",
    )
    native.toolchain(
        name = name,
        exec_compatible_with = [
            "@platforms//os:linux",
        ],
        target_compatible_with = constraints,
        toolchain = name + "_cc",
        toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
    )
