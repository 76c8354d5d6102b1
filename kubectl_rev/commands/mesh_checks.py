"""The checks that every command which looks at a mesh runs on it: rev-status's own, and validation's."""

from kubectl_rev.core.checks.model import catalogue
from kubectl_rev.core.status.checks import CHECKS as STATUS
from kubectl_rev.core.validation.checks import CHECKS as VALIDATION

MESH_CHECKS = catalogue(STATUS, VALIDATION)
