"""What every answer of the server carries, and which requests it answers at all."""

import os

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Streamlit's own scripts, styles and components need what is inline, evaluated or made as a blob; nothing needs
# another host.
_POLICY = "; ".join((
    "default-src 'self'", "script-src 'self' blob:", "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:", "font-src 'self' data:", "connect-src 'self' data: blob:", "worker-src 'self' blob:",
    "frame-src 'self' data: blob:", "object-src 'none'", "base-uri 'self'", "form-action 'self'",
    "frame-ancestors 'self'"))
HEADERS = {
    "content-security-policy": _POLICY, "x-content-type-options": "nosniff", "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN", "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin", "permissions-policy": "camera=(), microphone=(), geolocation=()"}


def hosts() -> list[str]:
    """Return the names that the server goes by: SCARP_HOSTS, or this machine's own.

    A page of another site cannot reach the server through a name that it makes point here.
    """
    return [name.strip() for name in os.environ.get("SCARP_HOSTS", "127.0.0.1,localhost").split(",")]


class SecureHeaders:
    """ASGI middleware: adds ``HEADERS`` to every answer that has not its own."""

    def __init__(self, app: ASGIApp) -> None:
        """Take the app inside."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message.get("headers", [])}
                message = {**message, "headers": [*message.get("headers", []), *(
                    (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in known)]}
            await send(message)

        await self.app(scope, receive, answer)


def middleware() -> list[Middleware]:
    """Return what stands in front of the app."""
    return [Middleware(TrustedHostMiddleware, allowed_hosts=hosts(), www_redirect=False), Middleware(SecureHeaders)]
