"""Flags are written in all the ways that kubectl takes them."""

import inspect

import pytest

from kubectl_rev.cli import completion, migrate
from kubectl_rev.cli.options import as_given, seconds
from kubectl_rev.cluster.flags import ConnectionFlags
from kubectl_rev.errors import UsageError
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


TABLE, BARE = call("ns", "-f", EXAMPLE), call("ns", "-f", EXAMPLE, "--no-headers")
SWITCHES = {
    "--no-headers": BARE,
    "--no-headers=true": BARE,
    "--no-headers=T": BARE,
    "--no-headers=1": BARE,
    "--no-headers=false": TABLE,
    "--no-headers --no-headers=0": TABLE,
    "-A=true": TABLE,
    "-A=false -w=false": TABLE,
    "--insecure-skip-tls-verify=true": call("ns", "-f", EXAMPLE, "--insecure-skip-tls-verify"),
}


@pytest.mark.parametrize("flags", SWITCHES)
def test_a_switch_may_be_given_a_value(flags):
    """Go's flags take one, by `=` only."""
    assert SWITCHES[flags].code == 0
    assert call("ns", "-f", EXAMPLE, *flags.split()) == SWITCHES[flags]


def test_a_switch_takes_no_other_value():
    answer = call("ns", "-f", EXAMPLE, "--no-headers=maybe")
    assert (answer.code, answer.err.splitlines()[0]) == (
        2,
        'error: invalid value "maybe" for --no-headers: say true or false',
    )


DURATIONS = {"0": 0, "90": 90, "1m30s": 90, ".5s": 0.5, "1.5h": 5400, "+1s": 1, "1µs": 1e-6, "2ms": 0.002}
NO_DURATIONS = ["soon", "", "-1s", "1s 2s", "1x", "s", "+", "1ms1"]


@pytest.mark.parametrize("text", DURATIONS)
def test_durations_are_gos(text):
    assert seconds(text, "--timeout") == pytest.approx(DURATIONS[text])


@pytest.mark.parametrize("text", NO_DURATIONS)
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="for --timeout: use a value such as 30s or 1m30s"):
        seconds(text, "--timeout")


def test_no_duration_is_too_long_for_a_system_call():
    assert seconds("9999999999999h", "--timeout") == 1e8


def test_a_printed_command_repeats_no_password():
    answer = call("-f", EXAMPLE, "--server", "https://me:pa55word@it.test:6443")
    assert "--server=https://it.test:6443" in answer.out
    assert "pa55word" not in answer.out


GIVEN_AGAIN = [
    "shop cart --to=canary",
    "--to=canary --from=default --selector=a=b --enroll --yes",
    "shop --undo --no-restart --include-gateways --force-owned --max-parallel=2,3 --pause=1s --max-failures=3",
    "--to=canary --tag=prod --timeout=90s --rollback-on-failure --field-manager=me --output=json --no-headers",
    "--to=canary --all-namespaces --filename=names --exclude=infra --skip-owned --require-all --dry-run=server",
]


@pytest.mark.parametrize("line", GIVEN_AGAIN)
def test_the_command_to_go_on_with_has_every_flag_as_given(line):
    """The arguments first, then the flags in the order of the help."""
    values = {name: parameter.default for name, parameter in inspect.signature(migrate.command).parameters.items()}
    typed = completion.parse(completion.flags(migrate.command), [*line.split(), ""])
    for field, (text,) in typed.values.items():
        values[field] = text or True  # a switch has no value
    assert " ".join([*typed.arguments, *as_given(migrate.command, values)]) == line


def test_each_own_flag_is_given_again():
    own = {name for name in inspect.signature(migrate.command).parameters if not hasattr(ConnectionFlags, name)}
    flags = completion.flags(migrate.command)
    given = {field for line in GIVEN_AGAIN for field in completion.parse(flags, [*line.split(), ""]).values}
    assert own - {"arguments", "as_groups", "version", "verbosity"} == given
