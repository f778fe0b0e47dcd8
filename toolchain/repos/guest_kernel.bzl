# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""@guest_kernel: the stock guest kernel that tools/setup unpacked into the cache.

    @guest_kernel//:vmlinuz   the bzImage as packaged
    @guest_kernel//:version   its `uname -r`; $(realpath) of it is beside the directory modules/

Only tests that boot it depend on it. The cache is $BULKHEAD_CACHE, or else ~/.cache/bulkhead.
"""

def _impl(ctx):
    cache = ctx.os.environ.get("BULKHEAD_CACHE", "")
    if not cache:
        cache = ctx.os.environ.get("HOME", "") + "/.cache/bulkhead"
    kernel = cache + "/kernel/amd64"
    if not ctx.path(kernel + "/version").exists:
        fail("there is no guest kernel in %s: run tools/setup" % kernel)
    for name in ["version", "vmlinuz"]:
        ctx.symlink(kernel + "/" + name, name)
    ctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % ctx.name)
    ctx.file("BUILD", "exports_files([\"version\", \"vmlinuz\"], [\"//visibility:public\"])\n")

guest_kernel = repository_rule(
    implementation = _impl,
    environ = ["BULKHEAD_CACHE", "HOME"],
    local = True,
)
