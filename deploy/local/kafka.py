"""A real Apache Kafka on this machine: one KRaft node, broker and controller in one Java process.

It listens on the loopback address only and keeps everything in one directory, from which it can be started
again. The jars come from Maven (``pom.xml``, ``make setup``). ``python -m deploy.local.kafka`` writes the
class archive that more than halves the time of a start; without one, or with one of another Java, it starts
slower.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import struct
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.local.process import LOOPBACK, Process, free_port, require_port, until_ready
from stream.errors import ServiceError

__all__ = ["LIBS", "Kafka"]

LIBS: Final = Path(__file__).resolve().parents[2] / "var" / "kafka" / "libs"
"""Where ``make setup`` puts the broker's jars."""
_LOG4J: Final = Path(__file__).with_name("log4j2.properties")
_JAVA_MIN: Final = "openjdk-17-jre-headless"
_START_S: Final = 60.0
"""A start takes 2 s warm and 10 s on a cold disk; past this it hangs."""
_ANSWER_S: Final = 2.0
_API_VERSIONS: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""Request ``ApiVersions`` version 0, correlation id 1, no client id, with its length in front."""

_FIXED: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # One node holds every internal topic, in one partition: fewer files, faster start and failover.
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "auto.create.topics.enable": "false",  # a mistyped topic is an error, not a new topic
    "group.initial.rebalance.delay.ms": "0",  # nobody else is about to join
    "group.min.session.timeout.ms": "500",  # tests see a dead member soon
    # After a kill the controller refuses the same broker until its old session has run out, and one voter has
    # nobody to wait for: 3 s instead of 12 s until it serves again.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.election.timeout.ms": "200",
    "controller.quorum.election.backoff.max.ms": "200",
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.index.size.max.bytes": "262144",  # hundreds of test topics would map gigabytes of index
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
}


class Kafka:
    """A broker in a directory of its own.

    Args:
        data_dir: holds the log, the settings and the broker's own output; made when missing. A directory that
            has served before keeps its topics and its ports.
        port: to listen on; None = a free one.
        libs: directory of the broker's jars.
        heap_mb: upper bound of the Java heap.
        java_options: further options of the Java machine; they win over ours.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        libs: Path = LIBS,
        heap_mb: int = 512,
        java_options: Sequence[str] = (),
    ) -> None:
        self._dir = data_dir.absolute()
        self._libs = libs
        self._heap_mb = heap_mb
        self._extra = java_options
        self._port = port
        self._controller_port: int | None = None
        self._process: Process | None = None

    @property
    def bootstrap(self) -> str:
        """``host:port`` for clients; known once started."""
        assert self._port, "not started"
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id of the last start."""
        return self._process.pid if self._process else None

    @property
    def process(self) -> Process | None:
        """The child process of the last start."""
        return self._process

    async def start(self) -> None:
        """Start the broker and wait until it answers; again after ``stop`` or ``kill``, with its data.

        Raises:
            ServiceError: Java or the jars are missing, the port is in use, or the broker ends or hangs.
        """
        java = _java()
        jars = _jars(self._libs)
        self._port = require_port(self._port, "Kafka") if self._port else free_port()
        self._controller_port = self._controller_port or free_port()
        self._dir.mkdir(parents=True, exist_ok=True)
        settings = self._write_settings()
        options, classes = self._java_options(), ["-cp", ":".join(jars)]
        await self._format([java, *options, *classes], settings)
        command = [java, *options, *self._extra, *classes, "kafka.Kafka", str(settings)]
        self._process = Process("Kafka", command, log=self._log)
        self._process.start()
        await until_ready(self._process, self._answers, within_s=_START_S)

    async def stop(self, *, within_s: float = 8.0) -> None:
        """Stop the broker in order, by force after the bound. Harmless when it does not run."""
        if self._process:
            await self._process.stop(within_s=within_s)

    async def kill(self) -> None:
        """Kill the broker, as a power cut would."""
        if self._process:
            await self._process.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def _log(self) -> Path:
        return self._dir / "kafka.log"

    def _java_options(self) -> list[str]:
        archive = _archive(self._libs)
        return [
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",  # one thread; small heap, short pauses
            "-XX:TieredStopAtLevel=1",  # the quick compiler: the other one pays after minutes
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={_LOG4J}",
            *([f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []),
        ]

    def _write_settings(self) -> Path:
        path = self._dir / "server.properties"
        listen, control = f"{LOOPBACK}:{self._port}", f"{LOOPBACK}:{self._controller_port}"
        values = {
            **_FIXED,
            "listeners": f"PLAINTEXT://{listen},CONTROLLER://{control}",
            "advertised.listeners": f"PLAINTEXT://{listen}",
            "controller.quorum.bootstrap.servers": control,
            "log.dirs": str(self._dir / "log"),
        }
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        return path

    async def _format(self, command: list[str], settings: Path) -> None:
        if (self._dir / "log" / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}"]
        tool += ["-c", str(settings)]
        step = Process("Kafka's storage tool", [*command, *tool], log=self._log)
        step.start()
        try:
            await step.wait(within_s=_START_S)
        finally:
            await step.kill()  # it has ended, or hangs, or we are no longer wanted
        if step.status:
            raise step.death()

    async def _answers(self) -> bool:
        assert self._port
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
                try:
                    writer.write(_API_VERSIONS)
                    await reader.readexactly(4)
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError, EOFError):
            return False
        return True


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise ServiceError(f"no java on the PATH: install the Debian package {_JAVA_MIN}")
    return java


def _jars(libs: Path) -> list[str]:
    jars = sorted(str(jar) for jar in libs.glob("*.jar"))
    if not any("kafka_2.13" in jar for jar in jars):
        raise ServiceError(f"no Kafka jars in {libs}: run make setup")
    return jars


def _archive(libs: Path) -> Path:
    return libs / "classes.jsa"


async def _write_archive(libs: Path) -> None:
    """Let a broker run once and note the classes that it loads, so that later ones find them prepared."""
    archive = _archive(libs)
    archive.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        broker = Kafka(Path(folder), libs=libs, java_options=[f"-XX:ArchiveClassesAtExit={archive}"])
        await broker.start()
        await broker.stop(within_s=_START_S)
    if not archive.exists():
        raise ServiceError(f"Java wrote no class archive to {archive}")


if __name__ == "__main__":
    try:
        asyncio.run(_write_archive(LIBS))
    except ServiceError as error:
        sys.exit(f"deploy.local.kafka: {error}")
