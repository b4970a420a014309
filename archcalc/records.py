"""Named tuples, declared as with `typing.NamedTuple`, which compiles the annotation of every field on import."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:

    class _Declaration(type):
        """Makes a tuple class from the body of a class."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            """The class of the tuples; of `NamedTuple`, which has no bases, itself."""
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body.pop("__annotations__")
            given = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=given, module=body["__module__"])
            for key, value in body.items():
                setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Declaration):
        """The base that named tuples are declared with."""
