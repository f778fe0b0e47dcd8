# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors

import unittest
import zlib

from bench import output


def frame(kind, payload):
    start = output.HEADER.pack(output.MAGIC, kind, 0, 0, len(payload), 0)[:12]
    return start + zlib.crc32(start).to_bytes(4, "little") + payload


class FrameReaderTest(unittest.TestCase):
    def test_console_and_log_in_any_pieces(self):
        stream = frame(output.LOG, b"started") + frame(output.CONSOLE, b"a\nb") + frame(2, b"x")
        for size in (1, 5, len(stream)):
            reader = output.FrameReader()
            text = b"".join(reader.feed(stream[i:i + size])
                            for i in range(0, len(stream), size))
            self.assertEqual(text, b"started\na\nb")

    def test_bad_checksum(self):
        stream = bytearray(frame(output.LOG, b"x"))
        stream[12] ^= 1
        with self.assertRaises(output.FrameError):
            output.FrameReader().feed(bytes(stream))

    def test_bad_magic(self):
        with self.assertRaises(output.FrameError):
            output.FrameReader().feed(bytes(16))


class LinesTest(unittest.TestCase):
    def test_measured(self):
        self.assertEqual(output.measured(["x", "measured eoi 97", "[1] measured b 2", "measured c"]),
                         {"eoi": 97, "b": 2})

    def test_start_times(self):
        self.assertEqual(
            output.start_times(["", "bulkhead: vmm started at counter 5, its guest at 17"]),
            (5, 17))
        self.assertIsNone(output.start_times(["vmm started"]))

    def test_memory(self):
        line = "bulkhead: memory: hypervisor 3, supervisor 4, pod a-b vmm 5 bytes"
        self.assertEqual(output.memory([line]), (3, 4, 5))
        self.assertIsNone(output.memory(["memory: full"]))

    def test_numbers(self):
        self.assertEqual(output.numbers(["a 5", "b -7", "(XEN) c 0x1f", "a 6", "d 1"], "a", "b", "c"),
                         {"a": 6, "b": -7, "c": 31})

    def test_peer_parts(self):
        self.assertEqual(output.peer_parts(["a", "boot-begins", "b"]), (["a"], ["boot-begins", "b"]))
        self.assertEqual(output.peer_parts(["a"]), (["a"], []))

    def test_peer_boot(self):
        started = ["measured vmm-start 1000", "(XEN) (d2) measured userspace 700"]
        self.assertEqual(output.peer_boot(started + ["tsc-offset -1100"]), 800)
        self.assertEqual(output.peer_boot(started + ["tsc-offset 0xfffffffffffffbb4"]), 800)
        self.assertIsNone(output.peer_boot(started))


if __name__ == "__main__":
    unittest.main()
