"""Reading from and writing to a cluster; the only package that imports `kubernetes`.

Importing a module of it costs what the Kubernetes client costs (0.2 s), so commands import it where they need it.
"""
