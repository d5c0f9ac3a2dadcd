"""Serve what clients ask of Azure without a job, and about sign-ins, tokens and credentials."""

from __future__ import annotations

from azjobs.core import wire
from azjobs.core.claims import account_of, object_id_of, parse_claims, tenant_of
from azjobs.core.secret import SecureString
from azjobs.daemon.serving.parts import Parts
from azjobs.daemon.serving.rights import NO_CREDENTIALS, NO_SIGN_INS, refuse_jobs
from azjobs.daemon.serving.server import Connection, Handlers
from azjobs.daemon.vault import HeldCredential


class SignInRequests:
    """One method a request."""

    def __init__(self, parts: Parts) -> None:
        self._ledger = parts.ledger
        self._vault = parts.vault
        self._sign_ins = parts.sign_ins
        self._job_tokens = parts.job_tokens
        self._rights = parts.rights
        self._sessions = parts.sessions
        self._reads = parts.reads

    def handlers(self) -> Handlers:
        """Return what serves each kind of message."""
        return {
            wire.Read: self._on_read,
            wire.WhatIf: self._on_whatif,
            wire.GetToken: self._on_gettoken,
            wire.PutSignIn: self._on_putsignin,
            wire.DropSignIn: self._on_dropsignin,
            wire.PutCredential: self._on_putcredential,
            wire.FindCredential: self._on_findcredential,
        }

    async def _on_read(self, connection: Connection, message: wire.Read) -> wire.Reply:
        context = self._rights.granted(connection, message.context)
        return wire.Result(message.seq, await self._reads.read(message.plan, message.arguments, context))

    async def _on_whatif(self, connection: Connection, message: wire.WhatIf) -> wire.Reply:
        context = self._rights.granted(connection, message.context)
        return wire.Writes(message.seq, await self._reads.what_if(message.plan, message.arguments, context))

    async def _on_gettoken(self, connection: Connection, message: wire.GetToken) -> wire.Reply:
        context = self._rights.granted(connection, message.context)
        asked = (context, message.scopes, message.claims, message.tenant)
        job = self._rights.job_of(connection)
        if job is None:
            found = await self._sign_ins.token(*asked)
        else:
            found = await connection.while_open(self._job_tokens.token(job.uuid, *asked))
        return wire.Token(message.seq, SecureString(found.token), int(found.expires_at))

    async def _on_putsignin(self, connection: Connection, message: wire.PutSignIn) -> wire.Reply:
        refuse_jobs(connection, NO_SIGN_INS)
        secrets = {name: one.reveal() for name, one in message.secrets.items()}
        # Who goes away while it is tried, as by Ctrl-C, has given it up: it must not be kept after they undid it.
        added = await connection.while_open(self._sign_ins.add(message.sign_in, secrets, message.scope))
        await self._sessions.add(connection.hello.session, connection.hello.leader)
        await self._ledger.durable()  # whoever looks now sees that the jobs that it released go on
        claims = parse_claims(added.token.token)
        who = (tenant_of(claims), object_id_of(claims), account_of(claims))
        return wire.SignedIn(message.seq, *who, text=added.warning)

    async def _on_dropsignin(self, connection: Connection, message: wire.DropSignIn) -> wire.Reply:
        refuse_jobs(connection, NO_SIGN_INS)
        await self._sign_ins.drop(message.scope, message.key)
        return wire.Ok(message.seq)

    async def _on_putcredential(self, connection: Connection, message: wire.PutCredential) -> wire.Reply:
        refuse_jobs(connection, NO_CREDENTIALS)
        held = HeldCredential(message.name, message.username, message.password.reveal())
        await self._vault.put_credential(connection.hello.session, held)
        await self._sessions.add(connection.hello.session, connection.hello.leader)
        return wire.Ok(message.seq)

    async def _on_findcredential(self, connection: Connection, message: wire.FindCredential) -> wire.Reply:
        refuse_jobs(connection, NO_CREDENTIALS)
        held = await self._vault.credentials(connection.hello.session)
        found = {c.name: c.username for c in held if message.name.lower() in ("", c.name.lower())}
        return wire.CredentialNames(message.seq, found)
