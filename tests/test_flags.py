"""Flags are written in all the ways that kubectl takes them."""

import pytest

from tests.plugin import EXAMPLE, call

JSON = call("deploy/web", "-n", "shop", "-f", EXAMPLE, "-o", "json")
WAYS = [
    "-o=json -n=shop",
    "-ojson -nshop",
    "--output=json --namespace=shop",
    "--output json --namespace shop",
    "-o=json -n=shop -v=0 --",
]


@pytest.mark.parametrize("flags", WAYS)
def test_every_way_to_write_a_flag(flags):
    assert JSON.code == 0
    assert call("-f", EXAMPLE, *flags.split(), "deploy/web") == JSON


def test_a_selector_has_equals_signs_of_its_own():
    assert call("ns", "-f", EXAMPLE, "-l=istio.io/rev=canary") == call("ns", "-f", EXAMPLE, "-l", "istio.io/rev=canary")


def test_an_empty_value_takes_no_other_word():
    assert call("-f", EXAMPLE, "-o=", "json").code == 2
