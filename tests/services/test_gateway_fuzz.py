"""What machines make up against the gateway: every call with every role, and frames that are none."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed

from alerts.store.rule_sets import ROUTES_TAG, RuleSetStore
from tests.alerts.gateway.made import alert
from tests.services.gateway import Client, Gateway, gateway, publish, watch
from tests.services.stage_at_work import stage_at_work
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(240)]
DEPLOY = Path(__file__).parents[2] / "deploy"
ROLES = ("viewer", "oncall", "ops")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
PHASES = os.environ.get("FUZZ_PHASES", "fuzzing")
"""With ``coverage`` too it takes a minute for each role."""
CONNECTIONS = 20
BAD_FRAMES = 10_000


def _tokens(folder: Path) -> Path:
    file = folder / "tokens.yaml"
    entries = [
        {"name": role, "role": role, "sha256": hashlib.sha256(role.encode()).hexdigest()} for role in ROLES
    ]
    file.write_text(yaml.safe_dump({"tokens": entries}))
    return file


async def _begin(settings) -> None:
    async with Redis.from_url(settings.redis_url) as redis:
        await RuleSetStore(redis).begin((DEPLOY / "rules" / "default.yaml").read_text())
        await RuleSetStore(redis, ROUTES_TAG).begin((DEPLOY / "routes" / "default.yaml").read_text())


@pytest.mark.parametrize("role", ROLES)
async def test_no_call_is_answered_outside_its_description(settings, producer, tmp_path, role):
    await _begin(settings)
    given = {"tokens_file": _tokens(tmp_path), "gateway_calls_per_s": 100_000, "gateway_calls_burst": 100_000}
    async with gateway(settings, **given) as gate, stage_at_work(settings, producer) as stage:
        await stage.fail("r1")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{gate.http}/openapi.json"),
            *("--header", f"Authorization: Bearer {role}", "--checks", CHECKS, "--seed", "1", "--no-color"),
            *("--phases", PHASES, "--max-examples", "3", "--request-timeout", "20"),
            *("--exclude-path-regex", "^/(metrics|readyz)$", "--generation-database", "none"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[-6_000:]
        assert await _version(gate, role) == 1 or role == "ops"


async def _version(gate: Gateway, role: str) -> int:
    headers = {"Authorization": f"Bearer {role}"}
    async with httpx.AsyncClient(headers=headers) as http:
        return int((await http.get(f"{gate.http}/api/v1/rules")).json()["version"])


async def test_ten_thousand_bad_frames_disturb_nobody(settings, producer):
    async with gateway(settings) as gate, watch(gate.ws) as calm:
        await calm.subscribe()
        sent = await asyncio.gather(*(_rage(gate, seed) for seed in range(CONNECTIONS)))
        assert sum(sent) >= BAD_FRAMES
        offsets = await publish(settings, producer, *(alert(number) for number in range(5)))
        assert await calm.offsets(5) == offsets
        async with httpx.AsyncClient() as http:
            await until(lambda: _bad_frames(http, gate))
            assert (await http.get(f"{gate.http}/healthz")).status_code == 200


async def _bad_frames(http: httpx.AsyncClient, gate: Gateway) -> bool:
    text = (await http.get(f"{gate.http}/metrics")).text
    line = next(line for line in text.splitlines() if line.startswith("roomwatch_gateway_bad_frames_total "))
    return float(line.split()[1]) >= BAD_FRAMES


async def _rage(gate: Gateway, seed: int) -> int:
    """Send bad frames until this connection's share was heard; each connection ends with the tenth."""
    draw, heard = random.Random(seed), 0
    while heard < BAD_FRAMES // CONNECTIONS:
        async with watch(gate.ws) as client:
            heard += await _until_closed(client, draw)
            assert client.connection.close_code == 4400
    return heard


async def _until_closed(client: Client, draw: random.Random) -> int:
    try:
        for _ in range(10):
            await client.connection.send(_bad(draw))
        for _ in range(11):
            await client.connection.recv()
    except ConnectionClosed:
        pass
    return 10


def _bad(draw: random.Random) -> str | bytes:
    """Return a frame that is none of the protocol."""
    junk = "".join(
        chr(draw.choice((34, 123, 125, 91, 0x4E2D, 0x1F4A5, 10, 48))) for _ in range(draw.randint(0, 60))
    )
    return draw.choice(
        (
            junk + "}",
            draw.randbytes(draw.randint(1, 200)),
            '{"op":"subscribe"}',
            '{"op":"subscribe","rooms":["' + "x" * 65 + '"]}',
            '{"op":"subscribe","rooms":"*","resume":{"epoch":1,"offset":"a"}}',
            '{"op":"ack","id":"","comment":5}',
            '{"op":"silence","matchers":{}}',
            '{"op":["ack"],"ref":{}}',
            "[" * draw.randint(1, 5_000),
            "null",
        )
    )
