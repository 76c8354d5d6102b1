"""Carry out a validation repair: one write after the other, each seen through before the next begins."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from kubectl_rev.cluster import validation, writes
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.error_mapping import Rejected
from kubectl_rev.commands.terminal import err, out
from kubectl_rev.core.checks.hints import Flag, Hint, command
from kubectl_rev.core.validation.repair import Write
from kubectl_rev.core.writes import holds, singular
from kubectl_rev.dumps.yaml_writer import write_yaml
from kubectl_rev.errors import Changed, Forbidden, Incomplete, NotFound, RevError, UsageError
from kubectl_rev.render.text import clean


class Run:
    """`done` has the writes that were made, in order; `undo` the commands that take back what an annotation cannot."""

    def __init__(self, connection: Connection, *, timeout: float, backups: str, quiet: bool) -> None:
        self.done: list[Write] = []
        self.undo: list[Hint] = []
        self._connection, self._timeout, self._backups, self._quiet = connection, timeout, backups, quiet

    def rehearse(self, planned: Sequence[Write]) -> None:
        """Let the server try every write before the first is made, so that a refusal comes while nothing has happened.

        A webhook of others that knows no dry runs is no refusal. Raises Forbidden, Rejected, Changed, UsageError.
        """
        for write in planned:
            try:
                if _needs_backup(write):
                    writes.backup(self._connection, write.step)
                    self._can_back_up()
                writes.apply(self._connection, write.step, dry_run=True)
            except NotFound:
                continue  # to be deleted, and gone already; or `write` says so
            except Forbidden as error:
                reason = f"{error.reason}; nothing was changed"
                raise Forbidden(error.verb, error.resource, error.namespace, reason) from error
            except Rejected as error:
                if "dry run" not in str(error):  # the API server's text; it has no code for this
                    raise
                err(f"{clean(write.step.name)} was not tried: {clean(str(error))}")
            except Changed as error:
                raise self._stopped(write, error) from error

    def write(self, planned: Sequence[Write]) -> None:
        """Make them all. Raises Incomplete when one fails after others were made, else what that one raised."""
        for write in planned:
            try:
                if _needs_backup(write):
                    self._back_up(write)
                if write.step.action == "patch":
                    writes.apply_surely(self._connection, write.step)
                else:
                    writes.apply(self._connection, write.step)
            except NotFound:
                if write.step.action != "delete":
                    raise self._stopped(write, Changed(f"{write.step.name} is gone")) from None
                self._report(f"{singular(write.step.resource)}/{write.step.name} unchanged (it is gone already)")
                continue
            except Changed as error:
                if not self._is_made(write):
                    raise self._stopped(write, error) from error
            except RevError as error:
                raise self._stopped(write, error) from error
            self._report(write.step.says)
            self.done.append(write)
            if write.settles:
                self.settle(write.settles)

    def _is_made(self, write: Write) -> bool:
        """Whether our own write stands there: its answer was lost, and istiod has turned it to Fail since."""
        if write.step.action != "patch":
            return False
        ours = tuple(op for op in write.step.operations if not op.path.endswith("/failurePolicy"))
        try:
            return holds(replace(write.step, operations=ours), writes.current(self._connection, write.step))
        except RevError:
            return False

    def settle(self, name: str) -> None:
        """Wait for istiod to close a validator; say so if it does not."""
        if self._timeout == 0:
            return
        try:
            if validation.closed(self._connection, name, 0):
                return
            err(f"waiting for istiod to close {clean(name)}")
            if not validation.closed(self._connection, name, self._timeout):
                err(f"istiod has not closed {clean(name)} within {self._timeout:g} s: it still fails open")
        except RevError as error:  # the write is made; the probe will tell
            err(f"cannot see {clean(name)}: {clean(str(error))}")

    def _stopped(self, write: Write, error: RevError) -> RevError:
        if isinstance(error, Changed):
            hint = "it was changed meanwhile, and nothing was overwritten: run it again"
            error = Changed(f"{write.step.name}: {hint} ({error})")
        if not self.done:
            return error
        return Incomplete(
            f"{len(self.done)} done, then {write.step.name}: {error}; the same command goes on, --undo goes back"
        )

    def _report(self, text: str) -> None:
        (err if self._quiet else out)(clean(text))

    def _can_back_up(self) -> None:
        if not os.path.isdir(self._backups) or not os.access(self._backups, os.W_OK | os.X_OK):
            raise UsageError(f"cannot write backups to {self._backups}: use --backup-dir; nothing was changed")

    def _back_up(self, write: Write) -> None:
        """The object's manifest in a file of its own that nobody else may read; no file, no deletion."""
        text = write_yaml(writes.backup(self._connection, write.step))
        stamp = time.strftime("%Y%m%dT%H%M%S")
        path = Path(self._backups) / f"{write.step.name}-{stamp}-{os.getpid()}.yaml"
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(f"cannot write the backup {path}: {reason}: use --backup-dir") from None
        err(clean(f"backup of {write.step.name}: {path}"))
        self.undo.append(command("create", Flag("-f", str(path))))


def _needs_backup(write: Write) -> bool:
    """A Service that we delete is one that we made."""
    return write.step.action == "delete" and write.step.resource != "services"
