"""What makes a folder's simulator the same one after a restart: its certificate, signing key, ids, secret and port.

Everything private stands in two files of mode 0600 (`server.pem`, `identity.json`); the key of the certificate
authority is thrown away as soon as it has signed the one certificate, so that nobody can sign another.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
import uuid
from pathlib import Path

import msgspec
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CA_FILE = "ca.pem"
SERVER_FILE = "server.pem"
IDENTITY_FILE = "identity.json"


class Identity(msgspec.Struct):
    """Who a simulator is. Public are `ca_pem`, ids and ports; everything else is a secret."""

    ca_pem: str
    server_pem: str
    signing_pem: str
    client_secret: str
    tenant_id: str
    subscription_id: str
    client_id: str
    object_id: str
    port: int = 0  # 0: none was bound yet
    identity_port: int = 0  # of the plain endpoint for managed identities
    user_password: str = ""
    identity_header: str = ""  # what a caller of the identity endpoint shows
    #: Where it was kept: a copy elsewhere must not take the port of the original, whose name and keys it has.
    folder: str = ""

    def __repr__(self) -> str:
        """Show the public ids only."""
        return f"<Identity tenant {self.tenant_id} subscription {self.subscription_id} port {self.port}>"

    def signing_key(self) -> rsa.RSAPrivateKey:
        """Return the key that signs tokens."""
        key = serialization.load_pem_private_key(self.signing_pem.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key

    def ssl_context(self) -> ssl.SSLContext:
        """Return the server's TLS settings; the key passes through a private file because `ssl` reads only files."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory(prefix="azjobs-simulator-") as folder:
            path = Path(folder, SERVER_FILE)
            write_whole(path, self.server_pem.encode(), mode=0o600)
            context.load_cert_chain(path)
        return context


def make_identity() -> Identity:
    """Return a new identity: a fresh authority, one certificate for localhost and 127.0.0.1, fresh ids and secret."""
    authority = trustme.CA(organization_name="azjobs simulator")
    leaf = authority.issue_cert("localhost", "127.0.0.1", common_name="localhost")
    signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signing_pem = signing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(
        ca_pem=authority.cert_pem.bytes().decode(),
        server_pem=leaf.private_key_and_cert_chain_pem.bytes().decode(),
        signing_pem=signing_pem.decode(),
        client_secret=secrets.token_urlsafe(30),
        tenant_id=str(uuid.uuid4()),
        subscription_id=str(uuid.uuid4()),
        client_id=str(uuid.uuid4()),
        object_id=str(uuid.uuid4()),
        user_password=secrets.token_urlsafe(18),
        identity_header=secrets.token_urlsafe(30),
    )


def load_identity(folder: Path) -> Identity:
    """Return the identity kept in `folder`, a new one when there is none that can be read. The caller has the lock."""
    try:
        identity = msgspec.json.decode((folder / IDENTITY_FILE).read_bytes(), type=Identity)
        identity.signing_key()
        identity.ssl_context()
    except (FileNotFoundError, msgspec.MsgspecError, ValueError, ssl.SSLError):
        # Nothing of worth is lost with a damaged identity: the cloud behind it lived in memory.
        return make_identity()
    if identity.folder != str(folder):
        identity.port = identity.identity_port = 0
    identity.user_password = identity.user_password or secrets.token_urlsafe(18)  # kept before there were any
    identity.identity_header = identity.identity_header or secrets.token_urlsafe(30)
    return identity


def save_identity(folder: Path, identity: Identity) -> None:
    """Keep `identity` in `folder`, and the public certificate of its authority beside it."""
    identity.folder = str(folder)
    write_whole(folder / IDENTITY_FILE, msgspec.json.encode(identity), mode=0o600)
    write_whole(folder / CA_FILE, identity.ca_pem.encode(), mode=0o644)


def write_whole(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file at once; no reader ever sees half of it, nor more open than `mode`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
