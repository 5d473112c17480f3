"""Functions whose parameters are known only at run time, for libraries that read signatures."""

from collections.abc import Callable
from inspect import Parameter, Signature


def takes(*parameters: Parameter) -> Callable[[Callable], Callable]:
    """Let a function that collects its arguments show these parameters instead."""

    def described(function: Callable) -> Callable:
        returned = function.__annotations__.get("return", Signature.empty)
        function.__signature__ = Signature(parameters, return_annotation=returned)
        function.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returned}
        return function

    return described


def parameter(name: str, annotation: object, default: object = Parameter.empty) -> Parameter:
    """One that is given by position or name."""
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation, default=default)
