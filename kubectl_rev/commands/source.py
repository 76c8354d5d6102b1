"""Where a snapshot comes from: the cluster that the flags name, or a dump."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.commands.query import ListQuery, Query, SubjectQuery
from kubectl_rev.commands.terminal import err
from kubectl_rev.core.checks.hints import Command, Flag, Hint
from kubectl_rev.core.checks.model import Finding
from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.resources import INSTALLER_GROUPS
from kubectl_rev.errors import Forbidden, NoIstio
from kubectl_rev.render.text import clean

if TYPE_CHECKING:  # importing it for real imports the client: 0.2 s that --help and -f need not pay
    from kubectl_rev.cluster.connection import Connection
    from kubectl_rev.cluster.read import Depth
    from kubectl_rev.core.mesh.inventory import Survey
    from kubectl_rev.core.mesh.snapshot import Snapshot
    from kubectl_rev.core.verification.evidence import Evidence

_LOG_REQUESTS = 6  # kubectl's own level for it


class Source:
    """One command's reading side; connects only when it must."""

    def __init__(
        self, flags: ConnectionFlags, filename: str, all_namespaces: bool, stdin: IO[bytes] | None = None
    ) -> None:
        self._flags, self._filename, self._all = flags, filename, all_namespaces
        self._stdin = stdin or sys.stdin.buffer
        self._connection: Connection | None = None
        self._notes: set[str] = set()
        if flags.verbosity >= _LOG_REQUESTS:
            import logging

            logging.basicConfig(stream=sys.stderr, format="%(message)s")
            logging.getLogger("kubectl_rev.http").setLevel(logging.INFO)

    @property
    def namespace(self) -> str:
        """The namespace that namespaced lists speak of; empty for all. A dump has no current one: all of it."""
        if self._all:
            return ""
        if self._filename:
            return self._flags.namespace
        return self._flags.namespace or self.connection.namespace

    @property
    def istio_namespace(self) -> str | None:
        """Where istiod is to be looked for if it may not be looked for everywhere."""
        return self._flags.istio_namespace or None

    @property
    def connection(self) -> Connection:
        """Where the flags lead; the first use connects. Raises what `cluster.connection.connect` raises."""
        if self._connection is None:
            from kubectl_rev.cluster.connection import connect

            self._connection = connect(self._flags)
        return self._connection

    def read(self, asked: Query, *, each_pod: bool = False) -> Snapshot:
        """What the question needs, no more; `each_pod` what a saved snapshot is to tell: the whole mesh, and Sail's.

        A snapshot does not say that it is of one namespace: read from one, all others would look empty.
        """
        if self._filename:
            from kubectl_rev.dumps import snapshot_file

            return snapshot_file.load(self._filename, self._stdin)
        from kubectl_rev.cluster.read import read

        pods: Depth = "metadata" if each_pod else "folded"
        if isinstance(asked, SubjectQuery):
            pods = "whole" if self.scope(asked) else "metadata"
        elif asked.kind == "pods":
            pods = "metadata"
        groups = labels.CONFIG_GROUPS if asked == ListQuery() or each_pod else ()
        return read(
            self.connection,
            namespace="" if each_pod else self.scope(asked),
            pods=pods,
            istio_namespace=self.istio_namespace,
            config=(*groups, *INSTALLER_GROUPS) if each_pod else groups,
            preflight=each_pod,
        )

    def evidence(self) -> Evidence:
        """All that a verdict rests on. A dump says nothing of connections; what it lacks else is a gap too."""
        from kubectl_rev.core.verification import evidence

        if self._filename:
            from kubectl_rev.dumps import snapshot_file

            return evidence.of_dump(snapshot_file.load(self._filename, self._stdin))
        from kubectl_rev.cluster.evidence import gather

        return gather(self.connection, istio_namespace=self.istio_namespace)

    def note(self, text: str) -> None:
        """Tell something once, however often the question is answered (--watch, --wait)."""
        if text and text not in self._notes:
            self._notes.add(text)
            err(f"note: {clean(text)}")

    def scope(self, asked: Query) -> str:
        """The one namespace that a question is about, empty for the whole mesh."""
        if isinstance(asked, ListQuery):
            return self.namespace if asked.kind in ("workloads", "pods", "gateways") else ""
        spaces = {
            subject.name if subject.kind == "Namespace" else subject.namespace or self.namespace
            for subject in asked.subjects
        }
        return spaces.pop() if len(spaces) == 1 else ""

    def with_flags(self, findings: Iterable[Finding]) -> list[Finding]:
        """These findings, whose hints have this call's connection flags."""
        return [finding.with_hint(self.repeated(finding.hint)) for finding in findings]

    def repeated(self, hint: Hint) -> Hint:
        """A hint whose commands have this call's connection flags, as far as their program has them."""
        return hint.with_flags(self._flags_of)

    def _flags_of(self, command: Command) -> list[Flag]:
        flags = [Flag(word) for word in self._flags.repeated(command.program)]
        if command.plugin and self._flags.istio_namespace:
            flags.append(Flag(f"--istio-namespace={self._flags.istio_namespace}"))
        if command.plugin == "rev-status" and self._filename not in ("", "-"):
            flags.append(Flag("-f", self._filename))
        return flags


def check(survey: Survey, *, pods_tell: bool = False) -> None:
    """Raises NoIstio or Forbidden where no question at all can be answered.

    `pods_tell`: the pods of the one namespace that was read are an answer, whatever else may not be read.
    """
    mesh, snapshot = survey.mesh, survey.snapshot
    needed = ("namespaces", "pods", labels.INJECTORS)
    gaps = {gap.resource: gap for gap in snapshot.gaps if not gap.namespace}
    told = snapshot.namespaces or (pods_tell and not snapshot.lacks("pods", snapshot.scope))
    if all(resource in gaps for resource in needed) and not told:  # one that was named may be readable
        first = gaps[needed[0]]
        if first.of_file:
            raise NoIstio(f"{', '.join(needed)}: {first.reason}: is it complete, and the right file?")
        raise Forbidden(first.verb, ", ".join(needed), reason=first.reason)
    if not mesh.control_planes and not mesh.injectors and not mesh.blind:
        raise NoIstio(
            "no Istio here: no control plane and no sidecar injector; "
            "is this the right context? kubectl config get-contexts lists them"
        )
