# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""raw_image: the memory an executable asks for, as it is when it has been loaded, without headers.

    raw_image(
        name = "hypervisor_aarch64_image",
        src = ":hypervisor_aarch64",
        out = "hypervisor_aarch64.img",
    )

What is zero at the end is left out: the program clears it.
"""

load("@bulkhead_llvm//:llvm.bzl", "LLVM")

def _impl(ctx):
    ctx.actions.run(
        executable = LLVM.objcopy,
        arguments = ["-O", "binary", ctx.file.src.path, ctx.outputs.out.path],
        inputs = [ctx.file.src],
        outputs = [ctx.outputs.out],
        mnemonic = "RawImage",
    )
    return [DefaultInfo(
        files = depset([ctx.outputs.out]),
        runfiles = ctx.runfiles(files = [ctx.outputs.out]),
    )]

raw_image = rule(
    implementation = _impl,
    attrs = {
        "src": attr.label(allow_single_file = True, mandatory = True),
        "out": attr.output(mandatory = True),
    },
)
