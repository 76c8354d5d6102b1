"""The namespaces a cluster lives in: how they are made, entered and wired.

Every pod, service and node address is made local to one network namespace, so the API server reaches webhooks
without any proxy or bridge, ports collide with nobody, and no packet leaves. The process namespace is there for
its end: when its first process (the supervisor) dies, the kernel kills everything in it.
"""

import os
import shutil
import subprocess

from tests.testcluster.errors import ClusterError

POD_CIDR = "10.240.0.0/12"
# kwok does not look at the addresses that pods have already when it starts. So pods that came back with a snapshot
# have theirs from the first range, and pods made afterwards get theirs from the second.
FIRST_PODS_CIDR = "10.244.0.0/16"
LATER_PODS_CIDR = "10.248.0.0/13"
SERVICE_CIDR = "10.96.0.0/16"
NODE_IP = "10.200.0.1"


def check_possible() -> None:
    """Raises ClusterError where this user cannot have a network namespace."""
    _tool("ip"), _tool("nsenter")
    done = subprocess.run(create_command(["true"]), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"root or user namespaces are needed: {done.stderr.strip()}")


def create_command(command: list[str]) -> list[str]:
    """Run a command as the first process of new namespaces; it dies with the process that this starts."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [_tool("unshare"), *user, "--net", "--pid", "--fork", "--kill-child", "--", *command]


def enter_command(pid: int, command: list[str]) -> list[str]:
    """Run a command in the network namespace of a process, as the same user, in the same folder."""
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return [_tool("nsenter"), f"--target={pid}", *user, "--net", "--", *command]


def is_ours(pid: int) -> bool:
    """Is this process already in the network namespace of that one?"""
    return os.readlink("/proc/self/ns/net") == os.readlink(f"/proc/{pid}/ns/net")


def wire() -> None:
    """Make every address of the cluster an address of this machine. Call it inside the namespace only."""
    _ip("link", "set", "lo", "up")
    _ip("route", "add", "local", POD_CIDR, "dev", "lo")
    _ip("route", "add", "local", SERVICE_CIDR, "dev", "lo")
    device = _new_device()
    _ip("addr", "add", f"{NODE_IP}/32", "dev", device)
    _ip("link", "set", device, "up")


def _new_device() -> str:
    """A device for the node's address: `istioctl proxy-status` wants an address that is not on loopback.

    Which kinds there are depends on the kernel's modules. All else works with none of them.
    """
    return next((kind for kind in ("bridge", "dummy") if _ip("link", "add", kind, "type", kind, check=False)), "lo")


def _ip(*arguments: str, check: bool = True) -> bool:
    return subprocess.run([_tool("ip"), *arguments], check=check, capture_output=not check).returncode == 0


def loopback_for(pod_ip: str) -> str:
    """A loopback address of its own for each pod: 10.244.3.7 has 127.244.3.7.

    istiod answers its debug questions only to loopback callers, and two istiods want the same port.
    """
    return "127." + pod_ip.partition(".")[2]


def _tool(name: str) -> str:
    """An ordinary user's PATH often lacks the folders these live in."""
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if not path:
        raise ClusterError(f"{name} is needed (Debian packages util-linux and iproute2 have what the cluster uses)")
    return path
