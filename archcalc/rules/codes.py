"""The codes of the language itself: what the reader of a spec reports before any rule runs."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.advice import suggest

# code: name, what it means
LANGUAGE = {
    "SPC001": ("invalid-yaml", "The file is not YAML, or uses a part of YAML that specs do not allow."),
    "SPC002": ("unknown-layer-type", "No layer and no block has this name."),
    "SPC003": ("unknown-key", "The layer or section has no such key."),
    "SPC004": ("missing-key", "A required key or argument is missing."),
    "SPC005": ("out-of-range-value", "A value is of the wrong kind, or outside the range of its argument."),
    "SPC006": ("duplicate-key", "A mapping has the same key twice."),
    "SPC007": ("legacy-spelling", "A key in PyTorch's spelling, which has another name here."),
    "SPC008": ("undefined-reference", "A name is used but defined nowhere."),
    "SPC009": ("unused-suppression", "A comment ignores a rule that finds nothing there."),
    "SPC010": ("malformed-section", "A part of the spec does not have the form that its key requires."),
    "SPC011": ("duplicate-name", "Two layers, blocks or outputs have the same name."),
    "SPC012": ("impossible-tie", "Two layers cannot share the parameters that `tie=` names."),
    "SPC013": ("invalid-include", "An included file cannot be read, or holds more than blocks."),
    "SPC014": ("limit-exceeded", "The spec is larger, or more deeply nested, than the language allows."),
    "SPC015": ("not-a-spec", "The file is not a spec but a checkpoint, source code or a file of another program."),
    "SPC016": ("unmet-expectation", "A number in `expect:` differs from the result."),
    "SPC017": (
        "unreadable-model",
        "An imported model has a type, key or value that is unknown or cannot be expressed.",
    ),
    "SHP101": ("rank-mismatch", "A layer is given a tensor with the wrong number of axes, or of the wrong kind."),
    "SHP102": ("layout-mismatch", "A layer reads channels on an axis where its input has something else."),
    "SHP103": ("window-larger-than-input", "A kernel or window is larger than its padded input."),
    "SHP104": ("empty-output", "A layer would give a tensor without elements."),
    "SHP105": ("groups-not-dividing", "The groups do not divide the channels."),
    "SHP106": ("heads-not-dividing", "The heads do not divide the width."),
    "SHP107": ("merge-shape-mismatch", "Tensors that are joined have shapes that do not match."),
    "SHP108": ("reshape-size-mismatch", "A rearrangement asks for sizes that the tensor does not have."),
    "SHP109": ("illegal-padding", "PyTorch refuses this padding."),
    "SHP111": (
        "undecided-layout",
        "A layer needs to know which axis holds channels or features, and nothing decides it.",
    ),
    "SHP112": ("wrong-letter", "A pattern uses `c` for another axis than the one that holds channels or features."),
}
# These are only warnings: the spec is valid, and rules run.
WARNINGS = ("SPC009", "SPC016")
# How an error is fixed if the intent is clear: safely if only one word can be right, unsafely if one is likely.
FIXES = {
    "SPC002": "unsafe", "SPC003": "unsafe", "SPC007": "safe", "SPC008": "unsafe", "SPC009": "safe", "SHP102": "unsafe",
}  # fmt: skip


def language_name(code: str) -> str:
    """The name of a language code; empty for an unknown one."""
    return LANGUAGE.get(code, ("", ""))[0]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The code or name that `word` most likely meant, ignoring case."""
    lowered = {name.lower(): name for name in known}
    near = suggest(word.lower(), list(lowered))
    return lowered[near] if near else None
