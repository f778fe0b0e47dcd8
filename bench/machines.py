# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""The kinds of machine that tools/bench measures on: all that differs between them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """QEMU's machine, what is built for it, and what its rows are about."""
    name: str         # in results
    cpu: str          # in names of built files
    debian: str       # in names of Debian's packages
    emulator: str
    processor: str
    node: tuple       # arguments: the machine that Bulkhead runs on
    plain: tuple      # one for a guest kernel without a hypervisor
    bare: tuple       # one for bench's own loop, with the extensions for hypervisors
    boot_image: str   # the hypervisor as QEMU's -kernel takes it; and what builds it
    boot_target: str
    testguest: str
    # Instructions per tick of the counter, under -icount shift=0: nanoseconds.
    tick: int
    # Beside what pods' kernels get always.
    command_line: str
    # Events that the test guest measures, and the most instructions that they may take.
    exit_hypervisor: tuple
    exit_vmm: tuple
    boot_percent: int  # of the boot without a hypervisor
    # Of rows.NAMES.
    rows: tuple = ("exit_hypervisor", "exit_vmm", "boot_to_userspace", "memory_node", "memory_vmm")

    @property
    def targets(self):
        cpu = self.cpu
        return ["//bench:bochs_machine",
                f"//bench:bare_exits_{cpu}", f"//bench:first_instruction_{cpu}",
                "//bench:unpack_kernel", f"//control:supervisor_{cpu}",
                "//guest/initramfs:make_initramfs", f"//guest/testguest:testguest_{cpu}",
                self.boot_target, f"//hypervisor:hypervisor_{cpu}", f"//vmm:vmm_{cpu}"]


KINDS = (
    Kind(
        name="x86_64-svm",
        cpu="x86_64",
        debian="amd64",
        emulator="qemu-system-x86_64",
        # Five-level page tables: QEMU 7.2 has them, the hypervisor's tables have four levels.
        processor="max,la57=off",
        node=("-M", "q35"),
        plain=("-M", "microvm"),
        bare=("-M", "q35"),
        boot_image="hypervisor/hypervisor_x86_64.elf",
        boot_target="//hypervisor:hypervisor_x86_64",
        testguest="guest/testguest/testguest.elf",
        tick=1,
        command_line="",
        exit_hypervisor=("x2apic-eoi", 120),
        exit_vmm=("cpuid-1", 600),
        boot_percent=115,
    ),
    # The only emulator with VT-x. Its TSC counts instructions.
    Kind(
        name="x86_64-vmx",
        cpu="x86_64",
        debian="amd64",
        emulator="bochs",
        processor="corei7_skylake_x",
        node=(),
        plain=(),
        bare=(),
        boot_image="hypervisor/hypervisor_x86_64.elf",
        boot_target="//hypervisor:hypervisor_x86_64",
        testguest="guest/testguest/testguest.elf",
        tick=1,
        command_line="",
        exit_hypervisor=("x2apic-eoi", 160),
        exit_vmm=("cpuid-1", 760),
        boot_percent=0,
        rows=("exit_hypervisor", "exit_vmm"),
    ),
    Kind(
        name="aarch64-el2",
        cpu="aarch64",
        debian="arm64",
        emulator="qemu-system-aarch64",
        processor="neoverse-n1",
        node=("-M", "virt,virtualization=on,gic-version=3"),
        plain=("-M", "virt,gic-version=3"),
        bare=("-M", "virt,virtualization=on,gic-version=3"),
        boot_image="hypervisor/hypervisor_aarch64.img",
        boot_target="//hypervisor:hypervisor_aarch64_image",
        testguest="guest/testguest/testguest_aarch64.image",
        tick=16,  # 62.5 MHz
        # bench/aarch64/first_instruction.S
        command_line=" iomem=relaxed",
        exit_hypervisor=("smccc-version", 130),
        exit_vmm=("virtio-load", 600),
        boot_percent=110,
    ),
)
NAMES = [kind.name for kind in KINDS]
