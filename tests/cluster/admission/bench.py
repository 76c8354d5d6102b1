"""Brings one world after the other onto the test cluster, and starts from scratch only where it must."""

import json
from collections.abc import Iterable

from kubectl_rev.cluster.connection import Connection, connect
from tests.cluster.admission.recorder import Recorder
from tests.cluster.admission.rows import PLACES, Place
from tests.cluster.admission.server import (
    NAMESPACES,
    Object,
    has_account,
    put,
    replace_webhooks,
    until,
    webhooks,
)
from tests.cluster.admission.worlds import BASES, World
from tests.testcluster import Cluster


class Bench:
    """The cluster as the admission tests use it. `connection` is new after each start from scratch."""

    def __init__(self, cluster: Cluster, recorder: Recorder) -> None:
        self.cluster, self.recorder = cluster, recorder
        self.connection: Connection = connect()
        self._base = ""
        self._pristine: list[Object] = []

    def bring(self, world: World) -> None:
        """Make the cluster be this world, and return when the API server knows it."""
        if world.base == self._base:
            replace_webhooks(self.connection, self._pristine)
        else:
            self._start(world.base)
        self._base = ""  # for as long as it is half done
        world.change(self)
        self.catch_up()
        self._base = "" if world.spoils else world.base

    def catch_up(self) -> None:
        """Return when the API server admits by everything written so far."""
        self.recorder.catch_up(self.connection)

    def replace(self, wanted: list[Object]) -> None:
        """These MutatingWebhookConfigurations and no others."""
        replace_webhooks(self.connection, wanted)

    def make(self, places: Iterable[Place]) -> None:
        """Make namespaces, or label those there are, and wait until pods can be created there."""
        places = list(places)
        for place in places:
            put(self.connection, NAMESPACES, {"metadata": {"name": place.name, "labels": place.labels}})

        def ready() -> bool:
            return all(has_account(self.connection, place.name) for place in places)

        until("a service account in each namespace", ready)

    def webhooks(self) -> list[Object]:
        return webhooks(self.connection)

    def authority(self) -> str:
        """What istiod's certificate is verified by: all istiods of one namespace share the CA."""
        (ca,) = {each["clientConfig"]["caBundle"] for one in self._pristine for each in one["webhooks"]}
        return str(ca)

    def another_authority(self) -> str:
        """A caBundle that is good for something else: the API server's own."""
        path = "jsonpath={.clusters[0].cluster.certificate-authority-data}"
        return self.cluster.kubectl("config", "view", "--raw", "-o", path)

    def _start(self, base: str) -> None:
        layout, prepare = BASES[base]
        self.cluster.reset(layout)
        self.connection.close()
        self.connection = connect()
        self.make(PLACES)
        prepare(self)
        self._pristine = self.webhooks()

    def delete_service(self, name: str) -> Object:
        """Delete a Service of istio-system, and say what it was."""
        where = f"{NAMESPACES}/istio-system/services/{name}"
        found: Object = json.loads(self.connection.get(where))
        self.connection.send("DELETE", where)
        return found
