"""What the admission tests are made of: worlds to ask about, rows to ask, and what Istio says of them.

rows        the cross product of labels, annotations and host network
worlds      ways in which Istio stands there: Helm, istioctl, tags, old webhook layouts, conflicts, dead Services
bench       brings one world after the other onto the test cluster
recorder    a webhook server that says which entries were called, and knows when the API server has caught up
asking      the same rows put to the API server and to `core.injection`, and where the two differ
documented  what Istio's documentation says about them, written down by hand
"""
