"""rev-status's own checks: control planes, revisions and tags (REV1xx), namespaces and workloads (REV2xx)."""

from kubectl_rev.core.checks.model import catalogue
from kubectl_rev.core.status.checks import control_planes, namespaces, revisions, workloads

CHECKS = catalogue(control_planes.CHECKS, revisions.CHECKS, namespaces.CHECKS, workloads.CHECKS)
