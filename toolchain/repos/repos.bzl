# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""External repositories: Debian packages when installed, release archives otherwise."""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load(":absl.bzl", "debian_absl")
load(":guest_kernel.bzl", "guest_kernel")

def _system_repo_impl(ctx):
    for probe in ctx.attr.probes:
        if not ctx.path(probe).exists:
            fail("%s needs %s (apt install %s)" % (ctx.name, probe, ctx.attr.package))
    for src, dst in ctx.attr.links.items():
        ctx.symlink(src, dst)
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

system_repo = repository_rule(
    implementation = _system_repo_impl,
    local = True,
    attrs = {
        "build_file": attr.label(mandatory = True, allow_single_file = True),
        "links": attr.string_dict(),
        "package": attr.string(),
        "probes": attr.string_list(),
    },
)

def _debian_rules_cc_impl(ctx):
    # Debian's bazel-rules-cc (0.0.4) wants use_cpp_toolchain(), which Debian's
    # own bazel 4.2.3 does not export yet: copy the tree and patch two files.
    root = "/usr/share/bazel/rules/cc/"
    for rel in [
        "BUILD",
        "cc/BUILD",
        "cc/action_names.bzl",
        "cc/cc_toolchain_config_lib.bzl",
        "cc/defs.bzl",
        "cc/find_cc_toolchain.bzl",
        "cc/toolchain_utils.bzl",
        "cc/private/rules_impl/BUILD",
        "cc/private/rules_impl/cc_flags_supplier_lib.bzl",
        "cc/private/rules_impl/native.bzl",
    ]:
        ctx.symlink(root + rel, rel)
    for rel in [
        "cc/private/rules_impl/cc_flags_supplier.bzl",
        "cc/private/rules_impl/compiler_flag.bzl",
    ]:
        text = ctx.read(root + rel)
        text = text.replace(", \"use_cpp_toolchain\")", ")")
        text = text.replace("use_cpp_toolchain()", "[\"@bazel_tools//tools/cpp:toolchain_type\"]")
        ctx.file(rel, text)
    ctx.file("WORKSPACE", "workspace(name = \"rules_cc\")\n")

debian_rules_cc = repository_rule(implementation = _debian_rules_cc_impl, local = True)

def _stub_repo_impl(ctx):
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    for path, text in ctx.attr.files.items():
        ctx.file(path, text)

stub_repo = repository_rule(
    implementation = _stub_repo_impl,
    attrs = {"files": attr.string_dict()},
)

def _llvm_impl(ctx):
    """Finds clang/lld and their header directories; BULKHEAD_LLVM picks the version."""
    want = ctx.os.environ.get("BULKHEAD_LLVM", "")
    versions = [want] if want else ["19", "20", "18", ""]
    for v in versions:
        suffix = "-" + v if v else ""
        clang = ctx.which("clang" + suffix)
        if clang and ctx.which("ld.lld" + suffix):
            break
        clang = None
    if not clang:
        fail("need clang and lld (apt install clang-19 lld-19 llvm-19 libc++-19-dev)")
    resource = ctx.execute([clang, "-print-resource-dir"]).stdout.strip()
    real = str(clang.realpath)
    prefix = real[:real.rindex("/bin/")]
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    ctx.file("BUILD", "")
    tools = {
        "ar": "llvm-ar",
        "clang": "clang",
        "ld_lld": "ld.lld",
        "lld_link": "lld-link",
        "nm": "llvm-nm",
        "objcopy": "llvm-objcopy",
        "objdump": "llvm-objdump",
        "strip": "llvm-strip",
    }
    lines = ["LLVM = struct("]
    for field, tool in tools.items():
        path = ctx.which(tool + suffix)
        if not path:
            fail("missing %s%s" % (tool, suffix))
        lines.append("    %s = \"%s\"," % (field, path))
    lines.append("    libcxx = \"%s/include/c++/v1\"," % prefix)
    lines.append("    resource_include = \"%s/include\"," % resource)
    lines.append(")")
    ctx.file("llvm.bzl", "\n".join(lines) + "\n")

llvm_repo = repository_rule(
    implementation = _llvm_impl,
    environ = ["BULKHEAD_LLVM", "PATH"],
    local = True,
)

def _cached_sources_impl(ctx):
    """Sources that tools/setup unpacked from a Debian source package into the cache."""
    cache = ctx.os.environ.get("BULKHEAD_CACHE", "")
    if not cache:
        cache = ctx.os.environ.get("HOME", "/root") + "/.cache/bulkhead"
    root = cache + "/sources/" + ctx.name
    for probe in [root + "/" + p for p in ctx.attr.probes] + ctx.attr.links.keys():
        if not ctx.path(probe).exists:
            fail("%s needs %s: run tools/setup" % (ctx.name, probe))
    for directory in ctx.attr.directories:
        ctx.symlink(root + "/" + directory, directory)
    for src, dst in ctx.attr.links.items():
        ctx.symlink(src, dst)
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

cached_sources = repository_rule(
    implementation = _cached_sources_impl,
    local = True,
    environ = ["BULKHEAD_CACHE", "HOME"],
    attrs = {
        "build_file": attr.label(mandatory = True, allow_single_file = True),
        "directories": attr.string_list(),
        "links": attr.string_dict(),
        "probes": attr.string_list(),
    },
)

def bulkhead_repositories():
    maybe(llvm_repo, name = "bulkhead_llvm")
    maybe(
        cached_sources,
        name = "zydis",
        build_file = "//toolchain/third_party:zydis.BUILD",
        directories = ["include", "src"],
        links = {"/usr/include/Zycore": "zycore/Zycore"},
        probes = ["src/Decoder.c"],
    )
    maybe(
        cached_sources,
        name = "libfdt",
        build_file = "//toolchain/third_party:libfdt.BUILD",
        directories = [
            "include/lib/libfdt",
            "lib/libfdt",
        ],
        probes = ["lib/libfdt/fdt.c"],
    )
    maybe(debian_absl, name = "com_google_absl")
    maybe(guest_kernel, name = "guest_kernel")
    maybe(guest_kernel, name = "guest_kernel_arm64", arch = "arm64")
    maybe(
        system_repo,
        name = "com_google_googletest",
        build_file = "//toolchain/third_party:googletest.BUILD",
        links = {
            "/usr/src/googletest/googlemock": "googlemock",
            "/usr/src/googletest/googletest": "googletest",
        },
        package = "googletest",
        probes = ["/usr/src/googletest/googletest/src/gtest.cc"],
    )
    maybe(
        system_repo,
        name = "com_github_google_benchmark",
        build_file = "//toolchain/third_party:benchmark.BUILD",
        links = {"/usr/include/benchmark": "include/benchmark"},
        package = "libbenchmark-dev",
        probes = ["/usr/include/benchmark/benchmark.h"],
    )
    maybe(
        system_repo,
        name = "cli11",
        build_file = "//toolchain/third_party:cli11.BUILD",
        links = {"/usr/include/CLI": "include/CLI"},
        package = "libcli11-dev",
        probes = ["/usr/include/CLI/CLI.hpp"],
    )
    maybe(
        system_repo,
        name = "nlohmann_json",
        build_file = "//toolchain/third_party:nlohmann_json.BUILD",
        links = {"/usr/include/nlohmann": "include/nlohmann"},
        package = "nlohmann-json3-dev",
        probes = ["/usr/include/nlohmann/json.hpp"],
    )
    maybe(
        system_repo,
        name = "libarchive",
        build_file = "//toolchain/third_party:libarchive.BUILD",
        links = {
            "/usr/include/archive.h": "include/archive.h",
            "/usr/include/archive_entry.h": "include/archive_entry.h",
        },
        package = "libarchive-dev",
        probes = ["/usr/include/archive.h"],
    )
    maybe(
        system_repo,
        name = "yaml_cpp",
        build_file = "//toolchain/third_party:yaml_cpp.BUILD",
        links = {"/usr/include/yaml-cpp": "include/yaml-cpp"},
        package = "libyaml-cpp-dev",
        probes = ["/usr/include/yaml-cpp/yaml.h"],
    )
    maybe(
        system_repo,
        name = "openssl",
        build_file = "//toolchain/third_party:openssl.BUILD",
        package = "libssl-dev",
        probes = ["/usr/include/openssl/evp.h"],
    )
    maybe(debian_rules_cc, name = "rules_cc")
    maybe(
        stub_repo,
        name = "remote_coverage_tools",
        files = {
            "stub.sh": "",
            "BUILD": """package(default_visibility = ["//visibility:public"])
filegroup(name = "coverage_report_generator", srcs = ["stub.sh"])
filegroup(name = "lcov_merger", srcs = ["stub.sh"])
""",
        },
    )

    # @bazel_tools//tools/jdk:all is a registered toolchain package, so toolchain
    # resolution loads @rules_java even though nothing here is Java.
    maybe(
        stub_repo,
        name = "rules_java",
        files = {
            "BUILD": "",
            "java/BUILD": "",
            "java/defs.bzl": "\n".join([
                "%s = native.%s" % (r, r)
                for r in [
                    "java_binary",
                    "java_import",
                    "java_library",
                    "java_runtime",
                    "java_toolchain",
                ]
            ]) + "\n",
        },
    )
