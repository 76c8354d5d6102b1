"""kubectl plugins for Istio revisions: what is running where, moving it, and knowing when the old one may go."""

__version__ = "0.1.0"
