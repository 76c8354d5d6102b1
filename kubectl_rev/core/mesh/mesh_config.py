"""What istiods are told about their mesh: trust domain, mesh ID, which namespaces they look at."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from kubectl_rev.core.mesh import labels
from kubectl_rev.core.mesh.objects import ConfigMap, Shape
from kubectl_rev.core.mesh.selectors import LabelSelector

NAME = "istio"  # templates/configmap.yaml: and "-<revision>"
KEY = "mesh"


class _ProxyDefaults(Shape):
    mesh_id: str = ""


class MeshConfig(Shape):
    """Key `mesh` of ConfigMap `istio[-REV]`: istio/api mesh/v1alpha1/config.proto. Defaults are Istio's."""

    trust_domain: str = "cluster.local"
    trust_domain_aliases: list[str] = msgspec.field(default_factory=list)
    root_namespace: str = "istio-system"
    default_config: _ProxyDefaults = msgspec.field(default_factory=_ProxyDefaults)
    discovery_selectors: list[LabelSelector] = msgspec.field(default_factory=list)

    @property
    def mesh_id(self) -> str:
        """pkg/config/mesh: the trust domain stands in for a mesh ID that is not set."""
        return self.default_config.mesh_id or self.trust_domain

    def discovers(self, namespace_labels: dict[str, str]) -> bool:
        """pkg/kube/namespace/filter.go: any selector suffices, none selects all."""
        chosen = self.discovery_selectors
        return not chosen or any(selector.matches(namespace_labels) for selector in chosen)


def of_revision(revision: str) -> str:
    """The name of the ConfigMap that a revision's istiods read."""
    return NAME if revision == labels.DEFAULT else f"{NAME}-{revision}"


def mesh_configs(config_maps: Iterable[ConfigMap]) -> dict[tuple[str, str], MeshConfig]:
    """By namespace and revision of the control plane, without what is not YAML, or not of this shape."""
    found = {}
    for config_map in config_maps:
        name, _, revision = config_map.name.partition("-")
        if name == NAME and KEY in config_map.data:
            with suppress(msgspec.MsgspecError, RecursionError):
                mesh = msgspec.yaml.decode(config_map.data[KEY] or "{}", type=MeshConfig)
                found[config_map.namespace, revision or labels.DEFAULT] = mesh
    return found
