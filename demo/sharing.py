"""What a link to the page shows where it is shared: a drawn lesion, never a photograph."""

from functools import cache
from io import BytesIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.examples import draw

PICTURE = "/shared.png"
_SIZE = (1200, 630)  # pixels, as Open Graph recommends
_COLOUR = "#5a3420"


@cache
def drawn_picture() -> bytes:
    """The picture as PNG."""
    buffer = BytesIO()
    draw(_COLOUR, seed=4, size=_SIZE).quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


async def _answer(request: Request) -> Response:
    return Response(drawn_picture(), media_type="image/png")


picture_route = Route(PICTURE, _answer)
