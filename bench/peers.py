# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""KVM and Xen as they come from Debian, run as tools/bench runs Bulkhead."""

import copy
import dataclasses
import gzip
import os
import re
import subprocess

import rows
from machine import BenchError

# Beside which programs' libraries are looked for, in the peers' tree.
LIBRARIES = ("usr/lib/{triplet}", "lib/{triplet}", "usr/lib", "usr/lib/{triplet}/pulseaudio",
             "usr/lib/xen-4.17/lib/{triplet}")
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


def fetch(root, debian):
    """The root of the peers' file tree, fetched if need be."""
    done = subprocess.run([os.path.join(root, "bench/fetch_peers"), debian], stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise BenchError("the peers' packages cannot be fetched (see above)")
    return done.stdout.strip()


def needed(program):
    """Names of the libraries, loader included, that an ELF file asks for."""
    shown = subprocess.run(["llvm-readelf-19", "--needed-libs", "-l", program],
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    names = re.search(r"NeededLibraries \[(.*?)\]", shown, re.S)
    loader = re.search(r"interpreter: (\S+)\]", shown)
    return (names[1].split() if names else []), loader and loader[1]


class Tree:
    """A Debian file tree, and what of it goes into an initramfs: files by their path there."""

    def __init__(self, root, debian):
        self.root = root
        self._places = [place.format(triplet=TRIPLETS[debian]) for place in LIBRARIES]
        self.files = {}

    def add(self, path):
        """A file at its own place."""
        self.files[path] = os.path.join(self.root, path)

    def add_program(self, path, name=None):
        """A program or library with all that it needs. `name`: where it goes, if elsewhere."""
        self.files[name or path] = os.path.join(self.root, path)
        libraries, loader = needed(os.path.join(self.root, path))
        if loader:
            # There it is a link, and an absolute one.
            self.files[loader.lstrip("/")] = os.path.join(
                self.root, self.find(os.path.basename(loader)))
        for library in libraries:
            place = self.find(library)
            if place not in self.files:
                self.add_program(place)

    def find(self, library):
        """A library's path in the tree."""
        for place in self._places:
            if os.path.exists(os.path.join(self.root, place, library)):
                return os.path.join(place, library)
        raise BenchError(f"{library} is not among the peers' files in {self.root}")

    def modules(self, wanted):
        """Paths of kernel modules, each behind those that it depends on."""
        found = {}
        for directory, _, names in os.walk(os.path.join(self.root, "usr/lib/modules")):
            found.update((name[:-3].replace("-", "_"), os.path.join(directory, name))
                         for name in names if name.endswith(".ko"))
        ordered = []

        def add(module):
            if module not in found:
                raise BenchError(f"the peers' kernel has no module {module}")
            with open(found[module], "rb") as file:
                depends = re.search(rb"\0depends=([^\0]*)\0", file.read())
            for name in filter(None, depends[1].decode().replace("-", "_").split(",")):
                add(name)
            if found[module] not in ordered:
                ordered.append(found[module])

        for module in wanted:
            add(module)
        return ordered

    def kernel(self):
        """The packaged kernel."""
        names = [name for name in os.listdir(os.path.join(self.root, "boot"))
                 if name.startswith("vmlinuz-")]
        return os.path.join(self.root, "boot", sorted(names)[-1])


def archive(files):
    """A cpio newc initramfs of path: bytes, all executable, with their directories."""
    names = set()
    for path in files:
        parts = path.split("/")
        names.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    entries = [(name, 0o040755, b"") for name in sorted(names | {"dev", "proc", "sys", "tmp", "run"})]
    entries += [(path, 0o100755, data) for path, data in files.items()]
    entries += [("TRAILER!!!", 0, b"")]
    out = bytearray()
    for inode, (name, mode, data) in enumerate(entries, 1):
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += ("070701" + "".join(f"{field:08x}" for field in fields)).encode()
        out += name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def unpacked(bench, kernel):
    """A packaged kernel as it lies in memory: nobody's row is about unpacking."""
    return rows.unpack_kernel(bench, kernel)


def initramfs(bench, tree, init, extra):
    """What a peer's machine starts: busybox, its script, the tree's chosen files, and `extra`."""
    files = {"init": os.path.join(bench.root, "bench/peers", init),
             "bin/stamp": bench.built(f"bench/stamp_{bench.kind.cpu}"),
             **tree.files}
    contents = {path: bench.read(source) for path, source in files.items()}
    return bench.file(init + ".cpio", archive({**contents, **extra}))


XEN = "usr/lib/xen-4.17/bin/"
XEN_MEMORY = 1536  # MiB: DOM0_MEMORY, and guests
DOM0_MEMORY = 768
KVM_MEMORY = 1024  # MiB of the machine: kernel, initramfs, VMM and one guest of 256


def kvm(bench, tree, guest):
    """What the machine prints that runs KVM. `guest`: kernel, initramfs, command line."""
    kernel, userspace, command_line = guest
    tree.add_program("usr/bin/busybox", "bin/busybox")
    tree.files["bin/sh"] = tree.files["bin/busybox"]
    tree.add_program("usr/bin/qemu-system-x86_64")
    for name in ("bios-microvm.bin", "kvmvapic.bin"):
        tree.add("usr/share/seabios/" + name if name.startswith("bios") else "usr/share/qemu/" + name)
    for name in ("linuxboot_dma.bin", "pvh.bin", "qboot.rom"):
        tree.add("usr/share/qemu/" + name)
    modules = tree.modules(["kvm_amd"])
    for module in modules:
        tree.files["modules/" + os.path.basename(module)] = module
    image = initramfs(bench, tree, "kvm_init", {
        "modules/list": "".join(os.path.basename(module) + "\n" for module in modules).encode(),
        "kernel": bench.read(kernel), "initramfs": bench.read(userspace),
        "testguest": bench.read(bench.built(bench.kind.testguest)),
        "command_line": command_line.encode()})
    return bench.run_plain(
        [*bench.kind.node, "-m", f"{KVM_MEMORY}M", "-kernel", unpacked(bench, tree.kernel()),
         "-initrd", image, "-append", "console=ttyS0 quiet loglevel=4 panic=-1"],
        lambda line: line == "peer-done")


def guest_config(name, memory, kernel, command_line, more=""):
    """For xl. The time-stamp counter must be the machine's: emulated, it counts something else."""
    return (f'name="{name}"\ntype="pvh"\nvcpus=1\nmemory={memory}\nkernel="{kernel}"\n'
            f'cmdline="{command_line}"\ntsc_mode="native"\non_poweroff="preserve"\n'
            f'on_reboot="preserve"\non_crash="preserve"\n{more}').encode()


def xen(bench, tree, guest):
    """What the machine prints that runs Xen. `guest`: kernel, initramfs, command line."""
    kernel, userspace, command_line = guest
    tree.add_program("usr/bin/busybox", "bin/busybox")
    tree.files["bin/sh"] = tree.files["bin/busybox"]
    for name in ("xl", "xenstored", "xen-init-dom0", "xenconsoled"):
        tree.add_program(XEN + name)
    tree.add_program("usr/bin/xenstore-watch")
    tree.add_program(tree.find("libgcc_s.so.1"))  # pthread_cancel loads it
    modules = tree.modules(["xen_privcmd", "xen_evtchn", "xen_gntdev", "xen_gntalloc", "xenfs"])
    for module in modules:
        tree.files["modules/" + os.path.basename(module)] = module
    image = initramfs(bench, tree, "xen_init", {
        "modules/list": "".join(os.path.basename(module) + "\n" for module in modules).encode(),
        "kernel": bench.read(kernel), "initramfs": bench.read(userspace),
        "testguest": bench.read(bench.built(bench.kind.testguest)),
        "exits.cfg": guest_config("exits", 32, "/testguest", "testguest.mode=measure"),
        "boot.cfg": guest_config("boot", 256, "/kernel", command_line, 'ramdisk="/initramfs"\n')})
    hypervisor = bench.file("xen", gzip.decompress(
        bench.read(os.path.join(tree.root, "boot/xen-4.17-amd64.gz"))))
    # Xen 4.17 turns SMAP on in a way that QEMU 7.2 does not emulate.
    machine = copy.copy(bench)
    machine.kind = dataclasses.replace(bench.kind, processor=bench.kind.processor + ",smap=off")
    return machine.run_plain(
        [*bench.kind.node, "-m", f"{XEN_MEMORY}M", "-kernel", hypervisor, "-append",
         f"com1=115200,8n1 console=com1 dom0_mem={DOM0_MEMORY}M loglvl=warning guest_loglvl=all "
         "noreboot",
         "-initrd", f"{unpacked(bench, tree.kernel())} console=hvc0 quiet loglevel=4,{image}"],
        lambda line: line == "peer-done")
