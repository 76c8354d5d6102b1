"""Nothing is decided by looking for a word in a sentence: what code asks is an enum, a type or a value.

A sentence is what these names hold; whoever compares one, searches it or splits it, has to be on the list below.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.plugin import ROOT

SENTENCES = {"because", "detail", "headline", "hint", "message", "note", "problem", "reason", "says", "why"}
LOOKS = {"startswith", "endswith", "partition", "rpartition", "split", "removeprefix", "removesuffix", "find", "count"}
ALLOWED = {
    ("commands/fix_validation_execution.py", "'dry run' not in str(error)"): "the API server's text: it has no code",
    ("dumps/yaml_reader.py", "str(error).partition(' - at ')"): "msgspec's text: its place in the document",
    ("dumps/yaml_values.py", "'nesting depth' in str(error.problem)"): "the YAML parser's text: it has no code",
    ("render/explain.py", "story.headline.startswith('when ')"): "punctuation alone: a comma before it",
    ("render/explain.py", "story.headline.startswith('new pods')"): "punctuation alone: a colon before it",
    ("render/migrate.py", "one.message.partition(' ')"): "layout alone: the namespace goes after the subject",
    ("render/migrate.py", "step.says.partition(' ')"): "layout alone: the subject of what was done",
    ("render/migrate.py", "restart.step.says.partition(' ')"): "layout alone: the subject of what is restarted",
}


def _is_sentence(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in SENTENCES
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id=name) | ast.Attribute(attr=name)]):
            return name in SENTENCES | {"error"}
        case ast.Call(func=ast.Name(id="str")):
            return "command" in ast.unparse(node)
    return False


def _is_text(node: ast.expr) -> bool:
    """Words to look for; an empty text is none."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""
    )


def decisions(source: str) -> Iterator[str]:
    """Where code looks into a sentence."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[right]):
                texts = isinstance(right, ast.Tuple | ast.List | ast.Set) and any(map(_is_text, right.elts))
                if _is_sentence(right) or (_is_sentence(left) and texts):
                    yield ast.unparse(node)
            case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq()], comparators=[right]):
                if (_is_sentence(left) and _is_text(right)) or (_is_sentence(right) and _is_text(left)):
                    yield ast.unparse(node)
            case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in LOOKS and _is_sentence(value):
                yield ast.unparse(node)
            case ast.Match(subject=subject, cases=cases) if _is_sentence(subject):
                if any(isinstance(case.pattern, ast.MatchValue) and _is_text(case.pattern.value) for case in cases):
                    yield f"match {ast.unparse(subject)}"


def test_no_decision_looks_into_a_sentence() -> None:
    package = ROOT / "kubectl_rev"
    made = {
        (str(path.relative_to(package)), decision)
        for path in sorted(package.rglob("*.py"))
        for decision in decisions(path.read_text())
    }
    assert made - ALLOWED.keys() == set(), "make it an enum, with the words beside it"
    assert ALLOWED.keys() - made == set(), "no longer there"


def test_the_test_sees_what_it_looks_for() -> None:
    looks = (
        "'partition' in left.why", "gap.reason.startswith('not in')", "hint.partition(' ')", "why == 'it is paused'",
        "'dry run' in str(error)", "finding.message in ('a', 'b')", "error.reason.split()", "f'{x}' == self.problem",
    )  # fmt: skip
    for code in looks:
        assert list(decisions(code)), code
    for code in ("left.reason is Reason.PAUSED", "each.hint != below.hint", "gap.reason == ''", "name in names"):
        assert not list(decisions(code)), code


def test_the_rooms_are_looked_through() -> None:
    assert len(list(Path(ROOT / "kubectl_rev").rglob("*.py"))) > 100
