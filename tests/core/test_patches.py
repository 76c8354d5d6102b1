"""Is an object already as a patch would make it?"""

import pytest

from kubectl_rev.core.migration.patches import holds
from kubectl_rev.core.writes import Op, Step


@pytest.mark.parametrize(
    ("value", "is_so"), [("istiod", True), ("istiod-canary", False)], ids=["as the patch makes it", "otherwise"]
)
def test_a_patch_is_recognized_in_a_list(value, is_so):
    ops = (Op("test", "/webhooks/0/name", "v"), Op("add", "/webhooks/0/clientConfig/service/name", "istiod"))
    step = Step(action="patch", resource="x", name="x", operations=ops, says="")
    assert holds(step, {"webhooks": [{"name": "v", "clientConfig": {"service": {"name": value}}}]}) is is_so
    assert not holds(step, {"webhooks": []})
