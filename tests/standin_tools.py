"""Small programs called az and pwsh: they hand out tokens of the embedded cloud, as the real ones do of Azure's.

They stand in for other people's tools; what they print is what the real ones print.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_COMMON = """#!{python}
import base64, json, ssl, sys, time, urllib.parse, urllib.request
known = json.load(open({known!r}))
words = sys.argv[1:]
def token_of(one):
    form = dict(grant_type="client_credentials", client_id=one["client"], client_secret=one["secret"],
                scope=known["url"] + "/.default")
    context = ssl.create_default_context(cafile=known["ca_file"])
    address = known["url"] + "/" + one["tenant"] + "/oauth2/v2.0/token"
    with urllib.request.urlopen(address, urllib.parse.urlencode(form).encode(), context=context) as answer:
        return json.load(answer)["access_token"]
"""
_AZ = """
assert words[:2] == ["account", "get-access-token"], words
asked = dict(zip(words[2::2], words[3::2]))
assert not ("--tenant" in asked and "--subscription" in asked), "az takes one of the two"
wanted = asked.get("--subscription") or asked.get("--tenant")
one = next((o for o in known["principals"] if wanted == o["tenant"] or wanted in o["subscriptions"]), None)
if one is None or one.get("refuses"):
    sys.exit("ERROR: AADSTS50076: Due to a configuration change you must use multi-factor authentication.")
until = dict(expires_on=int(time.time()) + 3600, expiresOn="2099-01-01 00:00:00.000000")
print(json.dumps(dict(accessToken=token_of(one), **until)))
"""
_PWSH = """
script = base64.b64decode(words[words.index("-EncodedCommand") + 1]).decode("utf-16-le")
one = next(o for o in known["principals"] if "'" + o["tenant"] + "'" in script)
print("azsdk%" + token_of(one) + "%" + str(int(time.time()) + 3600))
"""


def put_tools(folder: Path, endpoint: Mapping[str, Any], principals: Sequence[Mapping[str, Any]]) -> Path:
    """Write both programs into a folder; each principal is as `Home.add_principal` returns it."""
    folder.mkdir(exist_ok=True)
    known = folder / "known.json"
    known.write_text(json.dumps({**endpoint, "principals": list(principals)}))
    for name, body in (("az", _AZ), ("pwsh", _PWSH)):
        program = folder / name
        program.write_text(_COMMON.format(python=sys.executable, known=str(known)) + body)
        program.chmod(0o755)
    return folder


def write_az_profile(folder: Path, principals: Sequence[Mapping[str, Any]], *, default: str = "") -> Path:
    """Write azureProfile.json as az does, with its byte order mark."""
    folder.mkdir(exist_ok=True)
    subscriptions = [
        {
            "id": ident,
            "name": f"Sub {number} of {one['name']}",
            "state": "Enabled",
            "user": {"name": one["client"], "type": "servicePrincipal"},
            "isDefault": ident == default,
            "tenantId": one["tenant"],
            "environmentName": "AzureSimulator",
            "tenantDisplayName": one["name"],
        }
        for one in principals
        for number, ident in enumerate(one["subscriptions"])
    ]
    path = folder / "azureProfile.json"
    path.write_text(json.dumps({"installationId": "x", "subscriptions": subscriptions}), encoding="utf-8-sig")
    return path


def write_powershell_contexts(folder: Path, principals: Sequence[Mapping[str, Any]], *, default: str) -> Path:
    """Write AzureRmContext.json as Az PowerShell does; the default is the context of that subscription."""
    folder.mkdir(exist_ok=True)
    contexts = {
        f"Sub ({ident}) - {one['tenant']} - {one['client']}": {
            "Account": {"Id": one["client"], "Credential": None, "Type": "ServicePrincipal", "TenantMap": {}},
            "Tenant": {"Id": one["tenant"], "Directory": None},
            "Subscription": {"Id": ident, "Name": f"Sub {number} of {one['name']}", "State": "Enabled"},
            "Environment": {"Name": "AzureSimulator"},
        }
        for one in principals
        for number, ident in enumerate(one["subscriptions"])
    }
    key = next(name for name in contexts if default in name)
    path = folder / "AzureRmContext.json"
    path.write_text(json.dumps({"DefaultContextKey": key, "EnvironmentTable": {}, "Contexts": contexts}))
    return path
