"""The closed form of a line: `conv K kernel=3` on an input of 3xHxW."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from archcalc.diagnostics import Findings, Note, RequestError, SpecError
from archcalc.language.expressions import RESERVED, is_identifier
from archcalc.network.line import line_document
from archcalc.symbolic.network import ALL, BATCH, ClosedForm, closed_form

# Trial values for names without one, for the input's sizes and for the line's own numbers:
# large enough for a window, with many divisors, and different from each other where possible. The conditions
# state what they decide.
_SIZES = (240, 64, 49, 2)
_NUMBERS = ((12, 4, 2, 1), (4, 12, 2, 1), (3, 2, 1, 1), (2, 1, 1, 1), (1, 1, 1, 1))


def named_sizes(sizes: str) -> list[str]:
    """The names in `3xHxW`."""
    words = [word.strip() for word in sizes.replace("×", "x").split("x")]
    return [word for word in dict.fromkeys(words) if is_identifier(word) and word not in RESERVED and word != BATCH]


def line_form(
    line: str, sizes: str, names: Sequence[str], given: Mapping[str, str], batch: int = 1, dtype: str = "fp32"
) -> ClosedForm:
    """The closed form of a line in the names in its sizes and in further `names`.

    Args:
        line, sizes: as for `line_graph`; both may use the names.
        given: values for some of the names.

    Raises:
        SpecError: the line is invalid, or does not fit the input for any values of the names.
        RequestError: a name that cannot be chosen, and why.
    """
    of_input = named_sizes(sizes)
    every = list(dict.fromkeys([*of_input, *(name for name in names if name not in (ALL, BATCH))]))
    if not every and BATCH not in names:
        raise RequestError(f"--symbolic of what? Name a size of the input {sizes}, e.g. 3xHxW, or one in the line")
    for name in every:
        if not is_identifier(name) or name in RESERVED:
            raise RequestError(f"`{name}` cannot be a name: a name is letters a to z, digits and _, not a digit first")
    for name, value in given.items():
        if name not in every:
            raise RequestError(f"--set {name}={value}: the names are {', '.join(every) or 'none'}")
        if not (value.isascii() and value.isdigit()):
            raise RequestError(f"--set {name}={value}: a formula takes whole numbers")
    own = [name for name in every if name not in of_input]
    wrong: SpecError | RequestError | None = None
    for size, numbers in itertools.product(_SIZES, _NUMBERS):
        tried = {**dict.fromkeys(of_input, size), **dict(zip(own, itertools.cycle(numbers)))}
        values = {name: int(given.get(name, value)) for name, value in tried.items()}
        try:
            document = line_document(line, sizes, values, Findings())
            chosen = [*every, *([BATCH] if BATCH in names else [])]
            return closed_form(document, chosen, batch=batch, dtype=dtype)
        except (SpecError, RequestError) as error:
            if wrong is None and isinstance(error, SpecError):
                told = ", ".join(f"{name} = {value}" for name, value in values.items())
                note = Note(f"{'names are' if len(values) > 1 else 'a name is'} tried with numbers, here {told}")
                error = SpecError([one.but(notes=(*one.notes, note)) for one in error.diagnostics])
            wrong = wrong or error
    assert wrong is not None
    raise wrong
