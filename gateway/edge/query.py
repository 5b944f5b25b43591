"""What stands after the question mark of a REST request, read into a Struct: ask for it once it is known who asks and that they
may. Knows the wire; decides nothing."""

from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar.types import HTTPScope
from msgspec import Meta, Struct, inspect, structs

from gateway.errors import BadRequest

PARAMETERS_MAX = 20
# What a store can count to.
INTEGER_MAX = 2**63 - 1

Limit = Annotated[int, Meta(ge=1)]
Position = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]

_Query = TypeVar("_Query", bound=Struct)


def read_query(scope: HTTPScope, kind: type[_Query]) -> _Query:
    """The parameters that are fields of `kind`; others are nobody's. Raises BadRequest, which says which of them does not fit and
    what would."""
    try:
        told = dict(parse_qsl(scope["query_string"].decode("ascii"), max_num_fields=PARAMETERS_MAX))
    except ValueError as error:
        raise BadRequest(
            f"The query cannot be read: it has more than {PARAMETERS_MAX} parameters, or characters that are not ASCII."
        ) from error
    return kind(**{field.name: _read(field, told[field.name]) for field in structs.fields(kind) if field.name in told})


def _read(field: structs.FieldInfo, value: str) -> Any:
    try:
        return msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The query's `{field.name}` must be {_expected(inspect.type_info(field.type))}.") from error


def _expected(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return " or ".join(_expected(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            bounds = (f" from {least} on" if most is None else f" from {least} to {most}") if least is not None else ""
            return f"a whole number{bounds}"
        case inspect.StrType(max_length=int(most)):
            return f"text of at most {most} characters"
    return "text"
