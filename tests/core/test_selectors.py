"""One row per rule of Kubernetes' own selectors (k8s.io/apimachinery/pkg/labels) and of kubectl's `-l`."""

import msgspec
import pytest

from kubectl_rev.core.mesh.selectors import Bound, LabelSelector, Operator, Requirement, parse, state

IN, NOT_IN, EXISTS, ABSENT = Operator


def need(key: str, operator: Operator, *values: str) -> LabelSelector:
    return LabelSelector(match_expressions=(Requirement(key, operator, values),))


BOTH = LabelSelector(match_labels={"a": "1"}, match_expressions=(Requirement("b", EXISTS),))
MATCHING = {
    "In matches one of its values": (need("k", IN, "x", "y"), {"k": "y"}, True),
    "In does not match another value": (need("k", IN, "x", "y"), {"k": "z"}, False),
    "In needs the key": (need("k", IN, "x"), {}, False),
    "In can want the empty value, which is not absence": (need("k", IN, ""), {}, False),
    "In matches the empty value": (need("k", IN, ""), {"k": ""}, True),
    "NotIn does not match one of its values": (need("k", NOT_IN, "x"), {"k": "x"}, False),
    "NotIn matches another value": (need("k", NOT_IN, "x"), {"k": "z"}, True),
    "NotIn matches when the key is absent": (need("k", NOT_IN, "x"), {}, True),
    "Exists matches any value, the empty one too": (need("k", EXISTS), {"k": ""}, True),
    "Exists needs the key": (need("k", EXISTS), {"j": "1"}, False),
    "DoesNotExist matches when the key is absent": (need("k", ABSENT), {"j": "1"}, True),
    "DoesNotExist does not match the empty value": (need("k", ABSENT), {"k": ""}, False),
    "values are case-sensitive": (need("k", IN, "true"), {"k": "True"}, False),
    "matchLabels and matchExpressions hold together": (BOTH, {"a": "1", "b": ""}, True),
    "matchLabels alone do not suffice": (BOTH, {"a": "1"}, False),
    "matchExpressions alone do not suffice": (BOTH, {"b": "1"}, False),
    "all matchLabels must hold": (LabelSelector(match_labels={"a": "1", "b": "2"}), {"a": "1", "b": "3"}, False),
    "the empty selector matches everything": (LabelSelector(), {"k": "v"}, True),
    "the empty selector matches nothing given": (LabelSelector(), {}, True),
}


@pytest.mark.parametrize(("selector", "labels", "matches"), MATCHING.values(), ids=MATCHING.keys())
def test_matching(selector: LabelSelector, labels: dict[str, str], matches: bool) -> None:
    assert selector.matches(labels) is matches
    assert (selector.unmet(labels) == []) is matches


def test_unmet_are_in_order_matchlabels_first_and_sorted() -> None:
    selector = LabelSelector(match_labels={"z": "1", "a": "1"}, match_expressions=(Requirement("m", EXISTS),))
    assert selector.unmet({"a": "2"}) == [
        Requirement("a", IN, ("1",)),
        Requirement("z", IN, ("1",)),
        Requirement("m", EXISTS),
    ]


WORDS = {
    Requirement("k", IN, ("x",)): "k must be x",
    Requirement("k", IN, ("",)): 'k must be ""',
    Requirement("k", IN, ("x", "")): 'k must be one of x, ""',
    Requirement("k", NOT_IN, ("x",)): "k must not be x",
    Requirement("k", NOT_IN, ("x", "y")): "k must not be one of x, y",
    Requirement("k", EXISTS): "k must be set",
    Requirement("k", ABSENT): "k must be absent",
    Bound("k", EXISTS, limit=1): "k must be more than 1",
    Bound("k", EXISTS, limit=1, above=False): "k must be less than 1",
}


@pytest.mark.parametrize(("requirement", "words"), WORDS.items(), ids=WORDS.values())
def test_words(requirement: Requirement, words: str) -> None:
    assert requirement.wants() == words


def test_state() -> None:
    assert [state("k", given) for given in ({}, {"k": ""}, {"k": "v"})] == ["is absent", "is empty", "is v"]


def test_decoded_as_kubernetes_writes_it() -> None:
    text = b'{"matchLabels":{"a":"1"},"matchExpressions":[{"key":"b","operator":"DoesNotExist"}]}'
    wanted = LabelSelector(match_labels={"a": "1"}, match_expressions=(Requirement("b", ABSENT),))
    assert msgspec.json.decode(text, type=LabelSelector) == wanted


def test_an_unknown_operator_is_not_decoded() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'Near'"):
        msgspec.json.decode(b'{"matchExpressions":[{"key":"b","operator":"Near"}]}', type=LabelSelector)


PARSED = {
    "": (),
    "  ": (),
    "a=b": (Requirement("a", IN, ("b",)),),
    "a==b": (Requirement("a", IN, ("b",)),),
    " a = b ": (Requirement("a", IN, ("b",)),),
    "a=": (Requirement("a", IN, ("",)),),
    "a!=b": (Requirement("a", NOT_IN, ("b",)),),
    "a!=": (Requirement("a", NOT_IN, ("",)),),
    "a": (Requirement("a", EXISTS),),
    "!a": (Requirement("a", ABSENT),),
    "! a": (Requirement("a", ABSENT),),
    "a in (x,y)": (Requirement("a", IN, ("x", "y")),),
    "a in(x)": (Requirement("a", IN, ("x",)),),
    "a notin ( x , y )": (Requirement("a", NOT_IN, ("x", "y")),),
    "a in ()": (Requirement("a", IN, ("",)),),
    "a notin ( )": (Requirement("a", NOT_IN, ("",)),),
    "a in (x,,)": (Requirement("a", IN, ("x", "", "")),),
    "a>1": (Bound("a", EXISTS, limit=1),),
    "a < 007, a": (Bound("a", EXISTS, limit=7, above=False), Requirement("a", EXISTS)),
    "a in (,x)": (Requirement("a", IN, ("", "x")),),
    "a in (x,)": (Requirement("a", IN, ("x", "")),),
    "in in (in)": (Requirement("in", IN, ("in",)),),
    "notin": (Requirement("notin", EXISTS),),
    "a=in,b": (Requirement("a", IN, ("in",)), Requirement("b", EXISTS)),
    "a=,b": (Requirement("a", IN, ("",)), Requirement("b", EXISTS)),
    "istio.io/rev=1-30-3": (Requirement("istio.io/rev", IN, ("1-30-3",)),),
    "a=b,c==d,e!=f,g,!h,k in (x,y),k notin (x)": (
        Requirement("a", IN, ("b",)),
        Requirement("c", IN, ("d",)),
        Requirement("e", NOT_IN, ("f",)),
        Requirement("g", EXISTS),
        Requirement("h", ABSENT),
        Requirement("k", IN, ("x", "y")),
        Requirement("k", NOT_IN, ("x",)),
    ),
}


@pytest.mark.parametrize(("text", "requirements"), PARSED.items(), ids=PARSED.keys())
def test_parse(text: str, requirements: tuple[Requirement, ...]) -> None:
    assert parse(text) == LabelSelector(match_expressions=requirements)


def test_inequality_also_holds_where_the_key_is_absent() -> None:
    assert [parse("a!=b").matches(given) for given in ({}, {"a": "c"}, {"a": "b"})] == [True, True, False]


def test_numbers_are_compared_as_numbers() -> None:
    given = ({}, {"a": ""}, {"a": "x"}, {"a": "9"}, {"a": "010"}, {"a": "11"}, {"a": str(2**63)})
    assert [parse("a>9").matches(one) for one in given] == [False] * 4 + [True, True, False]
    assert [parse("a<11").matches(one) for one in given] == [False] * 3 + [True, True, False, False]


LONG = "a" * 64
REFUSED = {
    ",": "want a label's name, found ','",
    "a=b,": "want a label's name, found the end",
    "a,,b": "want a label's name, found ','",
    "=b": "want a label's name, found '='",
    "!": "want a label's name, found the end",
    "!!a": "want a label's name, found '!'",
    "a b": "want one of = == != in notin > <, found 'b'",
    "a>b": "'b' is no integer",
    "a<": "'' is no integer",
    "a>9223372036854775808": "'9223372036854775808' is no integer",
    "a>-1": "'-1' cannot be a label's value",
    "a>=1": "want a value, found '='",
    "a\x0b=b": "'a\\x0b' cannot be a label's name",
    "a!": "want one of = == != in notin > <, found '!'",
    "a=b c": "want ',', found 'c'",
    "!a=b": "want ',', found '='",
    "a=!b": "want a value, found '!'",
    "a===b": "want a value, found '='",
    "a in x": "want '(', found 'x'",
    "a in": "want '(', found the end",
    "a in (x": "want ',', found the end",
    "a in (x y)": "want ',', found 'y'",
    "a in ((x)": "want a value, found '('",
    "a)": "want one of = == != in notin > <, found ')'",
    "-a": "'-a' cannot be a label's name",
    "a/b/c": "'a/b/c' cannot be a label's name",
    "/a": "'/a' cannot be a label's name",
    "A.io/a": "'A.io/a' cannot be a label's name",
    LONG: f"'{LONG}' cannot be a label's name",
    "a=-b": "'-b' cannot be a label's value",
    "a=b/c": "'b/c' cannot be a label's value",
    "a in (x,ä)": "'ä' cannot be a label's value",
    f"a={LONG}": f"'{LONG}' cannot be a label's value",
    "a=b\x1b[31m": "'b\\x1b[31m' cannot be a label's value",
}


@pytest.mark.parametrize(("text", "why"), REFUSED.items(), ids=[repr(text)[:20] for text in REFUSED])
def test_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="is no label selector") as caught:
        parse(text)
    assert str(caught.value) == f"{text!r} is no label selector: {why}"
