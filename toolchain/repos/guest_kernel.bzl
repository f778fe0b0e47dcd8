# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""@guest_kernel, @guest_kernel_arm64: what tools/setup has put into the cache for guests.

    //:vmlinuz   the kernel as packaged: bzImage (amd64), Image (arm64)
    //:version   its `uname -r`; $(realpath) of it is CACHE/kernel/ARCH/version, beside the directory
                 modules/; the programs of arm64 guests are in CACHE/programs/arm64

Only tests that boot it depend on it. The cache is $BULKHEAD_CACHE, or else ~/.cache/bulkhead.
"""

def _impl(ctx):
    cache = ctx.os.environ.get("BULKHEAD_CACHE", "")
    if not cache:
        cache = ctx.os.environ.get("HOME", "") + "/.cache/bulkhead"
    kernel = cache + "/kernel/" + ctx.attr.arch
    if not ctx.path(kernel + "/version").exists:
        fail("there is no guest kernel in %s: run tools/setup" % kernel)
    for name in ["version", "vmlinuz"]:
        ctx.symlink(kernel + "/" + name, name)
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    ctx.file("BUILD", "exports_files([\"version\", \"vmlinuz\"], [\"//visibility:public\"])\n")

guest_kernel = repository_rule(
    implementation = _impl,
    attrs = {"arch": attr.string(default = "amd64")},
    environ = ["BULKHEAD_CACHE", "HOME"],
    local = True,
)
