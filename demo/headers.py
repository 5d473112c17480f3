"""What every answer of the server tells the browser to refuse, and routes that stay closed."""

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.gradio_patches import UNSERVED_ANSWERS, UNUSED_ROUTES, UPLOADS_ROUTE

# Gradio starts itself from scripts inside its page and compiles its templates in the browser.
_SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self' https://huggingface.co",  # which shows a Space in a frame
}

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _SOURCES.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""The first lets the browser talk to this server only, whatever a text on the page may hold."""


class SecurityHeaders:
    """Adds :data:`HEADERS` to every answer and closes unused routes. A Starlette middleware."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the application behind it."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if path.startswith(UPLOADS_ROUTE):
                    # Browsers of a classroom are shared.
                    headers["Cache-Control"] = "no-store"
            await send(message)

        answer = self.app
        if path in UNSERVED_ANSWERS:
            status, body = UNSERVED_ANSWERS[path]
            answer = JSONResponse(body, status)
        elif path.startswith(UNUSED_ROUTES):
            answer = JSONResponse({"detail": "Not Found"}, 404)
        await answer(scope, receive, send_guarded)
