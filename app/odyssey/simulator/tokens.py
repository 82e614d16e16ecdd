"""Minting and checking credentials: App JWTs and tokens in both of GitHub's forms."""

from __future__ import annotations

import secrets
import string
from datetime import datetime, timedelta
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from odyssey.simulator.errors import ApiError
from odyssey.simulator.state import App, State

TokenForm = Literal["classic", "stateless"]
_ALPHABET = string.ascii_letters + string.digits
# GitHub allows ten minutes and is known to be strict about clock drift.
_LONGEST_JWT = timedelta(minutes=10)


def new_key_pair() -> tuple[str, str]:
    """A private and a public RSA key, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def personal_token() -> str:
    """A classic personal access token, `ghp_` and 36 characters."""
    return "ghp_" + _random(36)


def installation_token(form: TokenForm, app_id: int, expires_at: datetime) -> str:
    """`ghs_` and 36 characters, or the stateless form of about 520 with dots and underscores."""
    if form == "classic":
        return "ghs_" + _random(36)
    claims = {
        "iss": "github.com",
        "sub": f"app:{app_id}",
        "exp": int(expires_at.timestamp()),
        "jti": _random(240),
    }
    return f"ghs_{app_id}_{jwt.encode(claims, _random(64), algorithm='HS256')}"


def is_jwt(credential: str) -> bool:
    """Whether *credential* looks like an App's JWT and not like a token."""
    return credential.count(".") == 2 and not credential.startswith(("ghs_", "ghp_", "ghu_"))


def app_of_jwt(credential: str, state: State, now: datetime) -> App:
    """
    The App that signed *credential*, by GitHub's rules for RS256, iat, exp and iss.

    Raises:
        ApiError: 401 with GitHub's sentence for the claim that is wrong.
    """
    undecodable = ApiError(401, "A JSON web token could not be decoded")
    try:
        header = jwt.get_unverified_header(credential)
        claims: dict[str, Any] = jwt.decode(credential, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise undecodable from error
    if header.get("alg") != "RS256":
        raise undecodable
    issuer = str(claims.get("iss", ""))
    app = next((a for a in state.apps.values() if issuer in {str(a.app_id), a.client_id}), None)
    if app is None:
        raise ApiError(404, "Integration not found")
    try:
        jwt.decode(
            credential,
            app.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_iss": False},
        )
    except jwt.PyJWTError as error:
        raise undecodable from error
    _check_times(claims, now)
    return app


def _check_times(claims: dict[str, Any], now: datetime) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or issued > now.timestamp() + 1:
        raise ApiError(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the "
            "assertion was issued",
        )
    if not isinstance(expires, int | float) or expires <= now.timestamp():
        raise ApiError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future "
            "time at which the assertion expires",
        )
    if expires > (now + _LONGEST_JWT).timestamp():
        raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
