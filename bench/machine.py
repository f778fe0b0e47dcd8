# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Runs machines: QEMU with an instruction-counting clock."""

import os
import selectors
import shutil
import socket
import subprocess
import sys
import time

from output import FrameError, FrameReader

COMMON = ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1", "-nodefaults",
          "-no-user-config", "-display", "none", "-no-reboot"]
TIMEOUT = 600  # seconds without the result: far more than a loaded machine needs
MIB = 1 << 20


class BenchError(Exception):
    """What the user has to be told."""


def make_bundle(files):
    """A cpio newc archive of (name, bytes), each file's data on a page (boot/bundle.h): the name's
    field takes the padding."""
    archive = bytearray()
    for inode, (name, data) in enumerate(files + [("TRAILER!!!", b"")], 1):
        start = len(archive) + 110
        length = -(-(start + len(name) + 1) // 4096) * 4096 - start
        mode = 0o100644 if data else 0
        archive += ("070701" + "".join(
            f"{word:08x}" for word in (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, length, 0)
        )).encode()
        archive += name.encode().ljust(length, b"\0") + data
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


class Bench:
    """Runs machines of a kind (machines.py) one after the other, with their files in `directory`."""

    def __init__(self, kind, root, directory, verbose):
        self.kind = kind
        self.root = root
        self.directory = directory
        self.verbose = verbose
        if shutil.which(kind.qemu) is None:
            raise BenchError(f"{kind.qemu} is missing; run tools/setup")

    def built(self, path):
        return os.path.join(self.root, "bazel-bin", path)

    def file(self, name, contents):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as out:
            out.write(contents)
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def run_plain(self, arguments, until):
        """Runs QEMU with the serial port as its output. Returns what it printed, up to the line
        for which `until` is true."""
        return self._run(arguments + ["-serial", "chardev:out"], until, None)

    def run_pod(self, kernel, initramfs, command_line, memory, until):
        """Runs one pod on Bulkhead, with a debug UART. Returns what hypervisor, supervisor, VMM and
        guest printed, in lines, up to the one for which `until` is true."""
        cpu = self.kind.cpu
        config = (f"version=1\nmemory={memory}\ncpus=1\ncmdline={command_line}\n"
                  "debug_uart=1\n").encode()
        files = [("hypervisor", self.read(self.built(f"hypervisor/hypervisor_{cpu}.elf"))),
                 ("supervisor", self.read(self.built(f"control/supervisor_{cpu}.elf"))),
                 ("vmm", self.read(self.built(f"vmm/vmm_{cpu}.elf"))),
                 ("pods/bench/pod", config),
                 ("pods/bench/kernel", self.read(kernel))]
        if initramfs:
            files.append(("pods/bench/initramfs", self.read(initramfs)))
        bundle = make_bundle(files)
        arguments = [*self.kind.node, "-m", f"{(memory + len(bundle)) // MIB + 96}M",
                     "-kernel", self.built(self.kind.boot_image),
                     "-initrd", self.file("bundle", bundle),
                     "-device", "virtio-serial-pci,max_ports=1",
                     "-device", "virtconsole,chardev=out", "-serial", "chardev:com1"]
        return self._run(arguments, until, FrameReader())

    def _run(self, arguments, until, frames):
        """`frames` takes the node channel apart; None: the output is plain text."""
        ours, theirs = socket.socketpair()
        log, log_theirs = socket.socketpair()
        command = [self.kind.qemu, "-cpu", self.kind.processor] + COMMON + arguments
        command += ["-chardev", f"socket,id=out,fd={theirs.fileno()}"]
        fds = [theirs.fileno()]
        if frames:
            command += ["-chardev", f"socket,id=com1,fd={log_theirs.fileno()}"]
            fds.append(log_theirs.fileno())
        if self.verbose:
            print("+ " + " ".join(command), file=sys.stderr)
        with ours, log, subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE) as process:
            theirs.close()
            log_theirs.close()
            try:
                return self._collect(process, ours, log, until, frames)
            finally:
                process.kill()

    def _collect(self, process, out, log, until, frames):
        lines = []
        partial = {out: b"", log: b""}
        deadline = time.monotonic() + TIMEOUT
        with selectors.DefaultSelector() as selector:
            for stream in partial:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(max(0, deadline - time.monotonic())):
                    data = key.fileobj.recv(65536)
                    if not data:
                        selector.unregister(key.fileobj)
                    if frames and key.fileobj is out:
                        data = frames.feed(data)
                        out.sendall(frames.acknowledgement())
                    *complete, partial[key.fileobj] = (partial[key.fileobj] + data).split(b"\n")
                    for line in complete:
                        lines.append(line.decode(errors="replace").rstrip("\r"))
                        if self.verbose:
                            print(lines[-1], file=sys.stderr)
                        if until(lines[-1]):
                            return lines
                if time.monotonic() >= deadline:
                    raise BenchError(f"no result within {TIMEOUT} seconds; the last lines were:\n"
                                     + "\n".join(lines[-10:]))
        errors = process.stderr.read().decode(errors="replace")
        raise BenchError("QEMU ended without a result; the last lines were:\n"
                         + "\n".join(lines[-10:] + [errors]))


__all__ = ["Bench", "BenchError", "FrameError", "MIB"]
