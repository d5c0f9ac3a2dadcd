"""A browser for tests: it fetches a page of the authority and does what the page says."""

from __future__ import annotations

import html
import re
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from typing import Any


class FormBrowser(webbrowser.BaseBrowser):
    """Opens an address in a thread of its own: follows redirects, and posts the form of a page that posts itself."""

    def __init__(self, ca_file: str) -> None:
        super().__init__("form")
        https = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file))
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
        self.visited: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: FBT001, FBT002 - the base
        """Visit `url` and return at once."""
        self.visited.append(url)
        threading.Thread(target=self._visit, args=(url,), daemon=True).start()
        return True

    def _visit(self, url: str) -> None:
        with self._opener.open(url, timeout=20) as answer:
            page = answer.read().decode()
        action = re.search(r'<form method="POST"[^>]* action="([^"]*)"', page)
        if action is None:
            return
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page)
        body = urllib.parse.urlencode([(name, html.unescape(value)) for name, value in fields]).encode()
        try:
            self._opener.open(html.unescape(action.group(1)), body, timeout=20).close()
        except urllib.error.HTTPError as error:
            error.close()  # the receiver's page about a refused sign-in


def options(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Return what every credential of azure-identity is told about a simulator."""
    return {
        "authority": endpoint["authority_url"],
        "disable_instance_discovery": True,
        "connection_verify": endpoint["ca_file"],
    }
