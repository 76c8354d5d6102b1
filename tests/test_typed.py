"""Decoding from several threads at once. Without the lock in cluster/typed.py this dies of a segmentation fault."""

import subprocess
import sys

from tests.plugin import ROOT

SCRIPT = """
import sys, threading
import msgspec
from kubectl_rev.cluster.json_decoders import from_json

sys.setswitchinterval(1e-6)
BODY = b'{"b": [{"x": {"q": {"a": 1}}, "y": [{"a": 2}]}], "d": {"k": [{"y": [{"a": 3}]}]}}'

def new_type():
    class Leaf(msgspec.Struct):
        a: int = 0
    class Branch(msgspec.Struct):
        x: dict[str, Leaf] = {}
        y: list[Leaf] = []
    class Tree(msgspec.Struct):
        b: list[Branch] = []
        d: dict[str, list[Branch]] = {}
    return Tree

for _ in range(1000):
    kind = new_type()
    threads = [threading.Thread(target=from_json, args=(BODY, kind)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print("alive")
"""


def test_a_new_type_in_four_threads():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
