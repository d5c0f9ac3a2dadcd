"""Applications in the directory of the embedded cloud, with what they prove themselves by."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from terminal import Home


def add_application(home: Home, **proofs: Any) -> dict[str, str]:
    """Add an application with a tenant and a subscription; `proofs` are what it signs in with."""
    tenant, client, subscription = str(uuid4()), str(uuid4()), str(uuid4())
    home.cloud.directory(
        tenants=[{"id": tenant, "name": "Apps"}],
        subscriptions=[{"id": subscription, "name": "Deployments", "tenant_id": tenant}],
        principals=[
            {
                "tenant_id": tenant,
                "client_id": client,
                "rights": {f"/subscriptions/{subscription}": "Owner"},
                **proofs,
            }
        ],
    )
    return {"tenant": tenant, "client": client}


def trusted(home: Home, issuer: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Add an application that trusts an issuer of federated tokens; returns it and what the issuer says of itself."""
    told = home.cloud.issuer(issuer)
    return add_application(home, federated=[{"issuer": told["issuer"], "subject": told["subject"]}]), told


def make_certificate(path: Path, password: str) -> str:
    """Write a certificate with its key as PKCS#12; returns what the directory is told of it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - dt.timedelta(days=1))
    certificate = builder.not_valid_after(now + dt.timedelta(days=1)).sign(key, hashes.SHA256())
    encryption = serialization.BestAvailableEncryption(password.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"app", key, certificate, None, encryption))
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
