"""The ways to remove a control plane; apart from what each deletes (removal), for the flag that names one."""

from enum import Enum


class Method(Enum):
    """Who removes it."""

    ISTIOCTL = "istioctl"
    HELM = "helm"
    SAIL = "sail"
    AKS = "aks"
