"""What every answer of the server carries, and which requests it answers at all."""

import os
import secrets

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NONCE = secrets.token_urlsafe(18)
"""Marks the scripts of our own pages in frames; a new one each time the server starts."""

BASEMAPS = "https://tile.openstreetmap.org https://*.tile.opentopomap.org https://server.arcgisonline.com"
"""The only other hosts, asked when someone switches an online basemap on (``ui.map.basemaps``)."""

# Streamlit writes styles into the page, and makes components and workers out of blobs.
_POLICY = "; ".join((
    "default-src 'self'", f"script-src 'self' blob: 'nonce-{NONCE}'", "style-src 'self' 'unsafe-inline'",
    f"img-src 'self' data: blob: {BASEMAPS}", "font-src 'self' data:", f"connect-src 'self' data: blob: {BASEMAPS}",
    "worker-src 'self' blob:", "frame-src 'self' data: blob:", "object-src 'none'", "base-uri 'self'",
    "form-action 'self'", "frame-ancestors 'self'"))
HEADERS = {
    "content-security-policy": _POLICY, "x-content-type-options": "nosniff", "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN", "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin", "permissions-policy": "camera=(), microphone=(), geolocation=()"}


def hosts() -> list[str]:
    """Return the names that the server goes by: SCARP_HOSTS, or this machine's own.

    A page of another site cannot reach the server through a name that it makes point here.
    """
    return [name.strip() for name in os.environ.get("SCARP_HOSTS", "127.0.0.1,localhost").split(",")]


def allowed(page: str) -> str:
    """Return a page of our own with its scripts marked, to be shown in a frame: there the server's policy holds."""
    return page.replace("<script", f'<script nonce="{NONCE}"')


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
