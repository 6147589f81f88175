"""All bad tokens get the same answer. Expired and revoked sessions are closed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from roomcast.contract.backend import connect
from tests.attack.bad_inputs.targets import MARK, Target
from tests.gateways import Client, unique
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSED_SECONDS = 5.0
REFUSAL = {"unauthorized"}
USER = "mallory"


def forged(secret: str, header: Any, claims: Any) -> str:
    """Return a hand-made token, signed with HMAC-SHA-256 whatever algorithm its header names."""

    def part(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    head = f"{part(header)}.{part(claims)}"
    signature = hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def public_key() -> str:
    """Return a fresh RSA public key in PEM."""
    key = rsa.generate_private_key(65_537, 2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def bad_tokens(secret: str) -> dict[str, Any]:
    """Return tokens that no gateway may accept, each with one fault."""
    now = int(time.time())
    good, body = {"alg": "HS256", "typ": "JWT"}, {"sub": USER, "exp": now + 60}
    whole = forged(secret, good, body)
    return {
        "null": None,
        "a number": 7,
        "an object": {"token": whole},
        "a list": [whole],
        "text that is no token": MARK,
        "too long": "x" * 9_000,
        "half a surrogate pair": "\ud83d",
        "alg none": forged(secret, {"alg": "none"}, body).rpartition(".")[0] + ".",
        "alg nOnE": forged(secret, {"alg": "nOnE"}, body).rpartition(".")[0] + ".",
        "alg none with a signature": forged(secret, {"alg": "none"}, body),
        "alg RS256 signed as HS256": forged(public_key(), {"alg": "RS256"}, body),
        "alg HS512": jwt.encode(body, secret * 2, "HS512"),
        "no alg": forged(secret, {"typ": "JWT"}, body),
        "another secret": forged("x" * 40, good, body),
        "the empty secret": forged("", good, body),
        "no signature": whole.rpartition(".")[0] + ".",
        "a signature of another token": forged(secret, good, body | {"ops": True}).rpartition(".")[0]
        + "."
        + whole.rpartition(".")[2],
        "an unknown crit": forged(secret, good | {"crit": ["exp", "x"]}, body),
        "b64 false": forged(secret, good | {"b64": False, "crit": ["b64"]}, body),
        "a kid with a path": forged("", good | {"kid": "../../../../dev/null"}, body),
        "a kid with SQL": forged("x", good | {"kid": "x' UNION SELECT 'x"}, body),
        "a key in the header": forged(
            "x" * 40, good | {"jwk": {"kty": "oct", "k": "eHh4"}, "jku": "http://127.0.0.1:1/"}, body
        ),
        "no exp": forged(secret, good, {"sub": USER}),
        "exp as text": forged(secret, good, body | {"exp": str(now + 60)}),
        "exp true": forged(secret, good, body | {"exp": True}),
        "exp NaN": forged(secret, good, f'{{"sub":"{USER}","exp":NaN}}'),
        "exp infinite": forged(secret, good, f'{{"sub":"{USER}","exp":1e999}}'),
        "exp in milliseconds": forged(secret, good, body | {"exp": (now + 60) * 1_000}),
        "expired": forged(secret, good, body | {"exp": now - 1}),
        "not yet valid": forged(secret, good, body | {"nbf": now + 120}),
        "issued tomorrow": forged(secret, good, body | {"iat": now + 86_400}),
        "no sub": forged(secret, good, {"exp": now + 60}),
        "sub empty": forged(secret, good, body | {"sub": ""}),
        "sub a number": forged(secret, good, body | {"sub": 7}),
        "sub too long": forged(secret, good, body | {"sub": "x" * 61}),
        "rooms as text": forged(secret, good, body | {"rooms": "*"}),
        "create of numbers": forged(secret, good, body | {"create": [1]}),
        "jti a number": forged(secret, good, body | {"jti": 1}),
        "claims that are a list": forged(secret, good, [body]),
        "claims that are no JSON": forged(secret, good, MARK),
        "a header 2,500 deep": forged(secret, '{"alg":"HS256","x":' + "[" * 2_500 + "]" * 2_500 + "}", body),
        "claims 3,000 deep": forged(secret, good, "[" * 3_000 + "]" * 3_000),
    }


async def test_all_bad_tokens_get_the_same_answer(target: Target) -> None:
    """Try all tokens in one test: a new session for each token is faster than a new test."""
    answers: dict[str, str] = {}
    for kind, token in bad_tokens(target.cluster.jwt_secret).items():
        async with target.raw() as raw:
            await raw.send("40" + json.dumps({"token": token}))
            answers[kind] = await raw.until(lambda frame: frame.startswith("44"))
    assert len(set(answers.values())) == 1, answers
    assert json.loads(answers["null"][2:])["message"] in REFUSAL


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"token":{}}'])
async def test_a_connect_without_a_token_is_refused(target: Target, payload: str) -> None:
    async with target.raw() as raw:
        await raw.send("40" + payload)
        said = await raw.until_closed(CLOSED_SECONDS)
    assert [frame[:2] for frame in said if frame not in ("1", "2")] in (["44"], [])


async def test_an_expired_session_is_closed_and_leaves_its_rooms(target: Target) -> None:
    room = unique("public:talk")
    reader = await target.client(unique("reader"))
    await reader.join(room)
    async with target.raw(unique("mallory"), seconds=2) as raw:
        await raw.send(f'421["room:join",{{"room":"{room}"}}]')
        assert (await raw.ack(1))["occupancy"] == 2
        await raw.until_closed(2.0 + CLOSED_SECONDS)
    await until(partial(_is_alone, reader, room), "the session has left the room")
    await reader.close()


async def _is_alone(client: Client, room: str) -> bool:
    return bool((await client.join(room))["occupancy"] == 1)


@pytest.mark.parametrize("by", ["user", "jti", "sid", "issued_before"])
async def test_a_revoked_session_is_closed_and_cannot_reconnect(target: Target, by: str) -> None:
    room, user, jti, sid = unique("public:talk"), unique("mallory"), unique("jti"), unique("sid")
    issued = int(time.time())
    claims: dict[str, Any] = {"jti": jti, "sid": sid, "iat": issued}
    writer, victim = await target.client(unique("writer")), await target.client(user, **claims)
    await victim.join(room)
    async with connect(target.cluster.redis_url("backend")) as backend:
        revocation = {
            "user": lambda: backend.revoke_user(user),
            "jti": lambda: backend.revoke_token(jti),
            "sid": lambda: backend.revoke_session(sid),
            "issued_before": lambda: backend.revoke_user(user, issued_before=issued + 1),
        }[by]
        await revocation()
    await victim.expect_gone(CLOSED_SECONDS)
    await writer.send(room, f"{MARK} after")
    assert victim.texts(room) == []
    async with target.raw() as raw:
        await raw.send("40" + json.dumps({"token": target.token(user, **claims)}))
        assert "revoked" in await raw.until(lambda frame: frame.startswith("44"))
    await writer.close()
    await victim.close()


async def test_another_person_s_token_does_not_refresh_a_session(target: Target) -> None:
    client = await target.client(unique("mallory"))
    assert await client.refused("auth:refresh", {"token": target.token("ada", ops=True)}) == "unauthorized"
    assert await client.refused("room:remove", {"room": "team:x", "user": "ada"}) == "forbidden"
    await client.close()


async def test_a_refresh_with_fewer_rights_removes_the_client_from_the_room(target: Target) -> None:
    user, room = unique("mallory"), unique("deal:x")
    writer = await target.client(unique("writer"), rooms=["deal:*"])
    client = await target.client(user, rooms=["deal:*"])
    await client.join(room)
    await client.join(hall := unique("public:hall"))
    await client.ok("auth:refresh", {"token": target.token(user, rooms=[])})
    assert await client.refused("message:history", {"room": room}) == "forbidden"
    for asked in (room, hall):
        await writer.send(asked, f"{MARK} after")
    await client.expect_text(f"{MARK} after")
    assert client.texts(room) == []
    await writer.close()
    await client.close()
