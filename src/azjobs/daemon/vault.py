"""Name what the keeper holds in memory for the daemon: the secrets, sign-ins and environments that never touch a disk.

Keys:
    job:<uuid>:<name>             a secret of a job
    signin:<scope>:<sign-in key>  a sign-in: description and secrets, as JSON
    standin:<scope>:<sign-in key>  whose sign-in is used in its place, as JSON
    users:<scope>:<environment>|<account>  the token cache of a person, as MSAL writes it
    credential:<session>:<name>   a named credential, as JSON
    session:<session>             the leader of a session: "pid start_time"
    environment:<sha256>          the environment of a process job, as JSON
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping

import msgspec

from azjobs.core.context import SignInKey
from azjobs.core.secret import SecureString
from azjobs.core.signin import SignIn
from azjobs.keeper.channel import KeeperChannel


class SecretsMissing(Exception):
    """Secrets are no longer in memory; `names` says which."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"{len(names)} secrets are missing")
        self.names = names


class HeldSignIn(msgspec.Struct, frozen=True):
    """A sign-in as the keeper holds it."""

    sign_in: SignIn
    secrets: dict[str, str]
    scope: str


class HeldStandIn(msgspec.Struct, frozen=True):
    """For the sign-in `key` of `scope` that of `standing` is used, which is of the account with that object id."""

    scope: str
    key: SignInKey
    standing: str
    object_id: str


class HeldCredential(msgspec.Struct, frozen=True):
    """A named credential as the keeper holds it."""

    name: str
    username: str
    password: str


class Vault:
    """Typed access to the keeper's memory."""

    def __init__(self, channel: KeeperChannel) -> None:
        self._channel = channel
        self._environments: dict[str, int] = {}  # how many jobs need each

    @property
    def has_unsent(self) -> bool:
        """Whether the keeper has not been sent all yet, so that it would be lost with this process."""
        return self._channel.has_unsent

    async def put_job_secrets(self, uuid: str, secrets: Mapping[str, SecureString]) -> None:
        """Hold the secrets of a job until it ends."""
        if secrets:
            await self._channel.put_many({f"job:{uuid}:{name}": one.reveal().encode() for name, one in secrets.items()})

    async def job_secrets(self, uuid: str, names: Iterable[str]) -> dict[str, str]:
        """Return secrets of a job by name.

        Raises:
            SecretsMissing: some are not held any more.
        """
        wanted = list(names)
        if not wanted:
            return {}
        found = await self._channel.get_many([f"job:{uuid}:{name}" for name in wanted])
        missing = tuple(name for name in wanted if found.get(f"job:{uuid}:{name}") is None)
        if missing:
            raise SecretsMissing(missing)
        return {name: (found[f"job:{uuid}:{name}"] or b"").decode() for name in wanted}

    async def drop_jobs(self, uuids: Collection[str]) -> None:
        """Forget all secrets of these jobs."""
        if uuids:
            await self._channel.drop_prefixes([f"job:{uuid}:" for uuid in uuids])

    async def put_environment(self, environment: Mapping[str, str]) -> str:
        """Hold an environment for one more job, once however many have it; returns its name.

        Whoever puts or claims one releases it when the job has ended.
        """
        value = msgspec.json.encode(dict(sorted(environment.items())))
        name = hashlib.sha256(value).hexdigest()
        is_held = name in self._environments
        self.claim_environment(name)  # before the keeper is told: a release in between must not forget it
        if not is_held:
            try:
                await self._channel.put(f"environment:{name}", value)
            except BaseException:  # nobody will release it
                self._unclaim(name)
                raise
        return name

    def claim_environment(self, name: str) -> None:
        """One more job needs an environment that the keeper holds already."""
        self._environments[name] = self._environments.get(name, 0) + 1

    async def release_environment(self, name: str) -> None:
        """One job less needs it; with the last one it is forgotten."""
        if self._unclaim(name):
            await self._channel.drop(f"environment:{name}")

    def _unclaim(self, name: str) -> bool:
        """One job less; returns whether it was the last one."""
        left = self._environments.get(name, 0) - 1
        if left > 0:
            self._environments[name] = left
            return False
        return self._environments.pop(name, None) is not None

    async def environment(self, name: str) -> dict[str, str] | None:
        """Return an environment by its name; None when it is not held any more."""
        value = await self._channel.get(f"environment:{name}")
        return None if value is None else msgspec.json.decode(value, type=dict[str, str])

    async def tidy(self, unfinished: Collection[str]) -> None:
        """Forget what is held for jobs that have ended: the daemon that recorded it may have been killed before it did.

        Environments must have been claimed before.
        """
        for key in await self._channel.keys("job:"):
            if key.split(":")[1] not in unfinished:
                await self._channel.drop(key)
        for key in await self._channel.keys("environment:"):
            if key.partition(":")[2] not in self._environments:
                await self._channel.drop(key)

    async def put_sign_in(self, held: HeldSignIn) -> None:
        """Hold a sign-in."""
        await self._channel.put(f"signin:{held.scope}:{held.sign_in.key}", msgspec.json.encode(held))

    async def drop_sign_in(self, scope: str, key: SignInKey) -> None:
        """Forget a sign-in."""
        await self._channel.drop(f"signin:{scope}:{key}")

    async def sign_ins(self) -> list[HeldSignIn]:
        """Return every sign-in that is held."""
        keys = await self._channel.keys("signin:")
        values = await self._channel.get_many(list(keys))
        return [msgspec.json.decode(v, type=HeldSignIn) for v in values.values() if v is not None]

    async def put_stand_in(self, held: HeldStandIn) -> None:
        """Hold whose sign-in is used in place of another."""
        await self._channel.put(f"standin:{held.scope}:{held.key}", msgspec.json.encode(held))

    async def drop_stand_in(self, scope: str, key: SignInKey) -> None:
        """Forget whose sign-in was used in place of this one."""
        await self._channel.drop(f"standin:{scope}:{key}")

    async def stand_ins(self) -> list[HeldStandIn]:
        """Return whose sign-ins are used in place of others."""
        keys = await self._channel.keys("standin:")
        values = await self._channel.get_many(list(keys))
        return [msgspec.json.decode(v, type=HeldStandIn) for v in values.values() if v is not None]

    async def put_user(self, name: str, cache: str) -> None:
        """Hold the token cache of a person; `name` is its scope, environment and account."""
        await self._channel.put(f"users:{name}", cache.encode())

    async def drop_user(self, name: str) -> None:
        """Forget the token cache of a person."""
        await self._channel.drop(f"users:{name}")

    async def users(self) -> dict[str, str]:
        """Return every person's token cache, by name."""
        keys = await self._channel.keys("users:")
        values = await self._channel.get_many(list(keys))
        return {key.partition(":")[2]: value.decode() for key, value in values.items() if value is not None}

    async def put_credential(self, session: str, held: HeldCredential) -> None:
        """Hold a named credential for a session."""
        await self._channel.put(f"credential:{session}:{held.name.lower()}", msgspec.json.encode(held))

    async def credential(self, session: str, name: str) -> HeldCredential | None:
        """Return a named credential of a session."""
        value = await self._channel.get(f"credential:{session}:{name.lower()}")
        return None if value is None else msgspec.json.decode(value, type=HeldCredential)

    async def credentials(self, session: str) -> list[HeldCredential]:
        """Return all named credentials of a session."""
        keys = await self._channel.keys(f"credential:{session}:")
        values = await self._channel.get_many(list(keys))
        return [msgspec.json.decode(v, type=HeldCredential) for v in values.values() if v is not None]

    async def put_leader(self, session: str, pid: int, start_time: int) -> None:
        """Remember whose end ends a session."""
        await self._channel.put(f"session:{session}", f"{pid} {start_time}".encode())

    async def leaders(self) -> dict[str, tuple[int, int]]:
        """Return (pid, start time) of each session's leader."""
        keys = await self._channel.keys("session:")
        values = await self._channel.get_many(list(keys))
        found: dict[str, tuple[int, int]] = {}
        for key, value in values.items():
            if value is not None:
                pid, _, start_time = value.decode().partition(" ")
                found[key.partition(":")[2]] = (int(pid), int(start_time))
        return found

    async def drop_credentials(self, session: str) -> None:
        """Forget the named credentials of a session."""
        await self._channel.drop_prefix(f"credential:{session}:")

    async def drop_leader(self, session: str) -> None:
        """Forget that there was such a session."""
        await self._channel.drop(f"session:{session}")
