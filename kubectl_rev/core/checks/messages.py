"""What a finding says, with what it was made from: findings of one code with one template have one cause."""

from __future__ import annotations

from collections.abc import Sequence


class Pods(int):
    """A count of pods, which adds up: `1 pod`, `3 pods`."""

    def __str__(self) -> str:
        return f"{int(self)} pod" if self == 1 else f"{int(self)} pods"


Value = str | Pods


class Message(str):
    """A sentence. It is its text, and remembers the template with a `{}` for each name, label's value and count.

    What is the same for all subjects of a cause stands in the template itself.
    """

    template: str
    values: tuple[Value, ...]

    def __new__(cls, template: str, *values: Value) -> Message:
        made = super().__new__(cls, template.format(*values))
        made.template, made.values = template, values
        return made


def literal(text: str) -> str:
    """A part of a template that belongs to the cause, such as the reason that another rule gave."""
    return text.replace("{", "{{").replace("}", "}}")


ANY = "…"  # stands for values that differ


def template_of(text: str) -> str:
    """What findings of one cause have in common; a plain sentence is its own template."""
    return text.template if isinstance(text, Message) else text


def summary(texts: Sequence[str]) -> str:
    """One sentence for several of one template: counts are added up, values that differ are left open."""
    first = texts[0]
    if not isinstance(first, Message):
        return first
    columns = zip(*(text.values for text in texts if isinstance(text, Message)), strict=True)
    return first.template.format(*(_common(column) for column in columns))


def _common(values: Sequence[Value]) -> Value:
    counts = [value for value in values if isinstance(value, Pods)]
    if counts:
        return Pods(sum(counts))
    return values[0] if len(set(values)) == 1 else ANY
