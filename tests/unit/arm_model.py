"""A small model of Resource Manager: what exists, what is under way, and what was executed how often.

Independent of the product's reading of the protocol: it knows what really
happened, so that it can be compared with what a job reports.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from azjobs.core.arm import Reply, Request

HOST = "https://arm.test"
STYLES = ("sync", "async-operation", "location", "resource")  # the last one gives an action no place to be followed


@dataclass
class Operation:
    """One accepted write; `fails` is its fate, decided when it was accepted."""

    key: str
    method: str
    path: str
    style: str
    fails: bool
    is_done: bool = False
    is_lost: bool = False  # its record can no longer be read
    is_canceled: bool = False


@dataclass
class Resource:
    """`by`: the key of the request that created it, or "other"."""

    by: str
    body: dict[str, Any]
    state: str = "Succeeded"

    def shown(self) -> dict[str, Any]:
        """The body of a GET."""
        properties = self.body.get("properties", {})
        return {**self.body, "properties": {**properties, "provisioningState": self.state}}


@dataclass
class ArmModel:
    """The service."""

    resources: dict[str, Resource] = field(default_factory=dict)
    power: str = "running"
    operations: dict[str, Operation] = field(default_factory=dict)
    executed: Counter[str] = field(default_factory=Counter)
    succeeded: set[str] = field(default_factory=set)

    def execute(self, key: str, request: Request, style: str, *, conditional: bool, fails: bool) -> Reply:
        """Do what a write asks for, and answer it."""
        path = request.path.partition("?")[0]
        if path.endswith("/cancel"):
            return self._cancel(path.removesuffix("/cancel"))
        resource = self.resources.get(path)
        if request.method in ("PUT", "PATCH"):
            if conditional and resource is not None:
                return Reply(412, {}, {"error": {"code": "PreconditionFailed", "message": "it exists"}})
            return self._write(key, request, path, style, fails=fails)
        if request.method == "DELETE":
            if resource is None:
                return Reply(204)
            resource.state = "Deleting"
        elif request.path.endswith("/deallocate"):
            self.power = "deallocating"
        self.executed[key] += 1
        if style == "resource" and request.method == "DELETE":
            style = "location"
        return self._accept(key, request, path, style, fails=fails)

    def _cancel(self, path: str) -> Reply:
        """End what is under way on a resource; where nothing is, refuse."""
        for url, operation in self.operations.items():
            if operation.path == path and not operation.is_done:
                operation.fails = operation.is_canceled = True
                self.finish(url)
                return Reply(204)
        return Reply(409, {}, {"error": {"code": "DeploymentCannotBeCancelled", "message": "It has ended."}})

    def _write(self, key: str, request: Request, path: str, style: str, *, fails: bool) -> Reply:
        resource = self.resources.get(path)
        is_new = resource is None
        if resource is None:
            resource = self.resources[path] = Resource(key, {})
        if is_new or resource.body != request.body:  # the same again is no second effect
            self.executed[key] += 1
        resource.body, resource.state = dict(request.body), "Updating"
        return self._accept(key, request, path, style, fails=fails, status=201 if is_new else 200)

    def _accept(self, key: str, request: Request, path: str, style: str, *, fails: bool, status: int = 202) -> Reply:
        url = f"{HOST}/operations/{len(self.operations)}"
        self.operations[url] = Operation(key, request.method, path, style, fails)
        if style == "sync":
            self.operations[url].fails = False
            self.finish(url)
            return self._result(self.operations[url], 200 if status == 202 else status)
        body = self.resources[path].shown() if path in self.resources else None
        headers = {"async-operation": {"azure-asyncoperation": url}, "location": {"location": url}}.get(style, {})
        return Reply(202 if style == "location" else status, {**headers, "retry-after": "0"}, body)

    def finish(self, url: str) -> None:
        """Bring an operation to its end."""
        operation = self.operations[url]
        if operation.is_done:
            return
        operation.is_done = True
        resource = self.resources.get(operation.path)
        if not operation.fails:
            self.succeeded.add(operation.key)
        elif operation.method not in ("PUT", "PATCH"):
            self.executed[operation.key] -= 1  # it came to nothing: doing it again is no second effect
        if operation.method == "DELETE" and not operation.fails:
            self.resources.pop(operation.path, None)
        elif operation.method in ("PUT", "PATCH", "DELETE") and resource is not None:
            is_bad = operation.fails and operation.method != "DELETE"
            bad = "Canceled" if operation.is_canceled else "Failed"
            resource.state = bad if is_bad else "Succeeded"
        elif operation.path.endswith("/deallocate"):
            self.power = "running" if operation.fails else "deallocated"

    def read(self, url: str) -> Reply:
        """Answer a GET, truthfully."""
        path = url.removeprefix(HOST).partition("?")[0]
        operation = self.operations.get(HOST + path)
        if operation is not None:
            return self._read_operation(operation)
        if path.endswith("/instanceView"):
            return Reply(200, {}, {"statuses": [{"code": f"PowerState/{self.power}"}]})
        resource = self.resources.get(path)
        if resource is None:
            return Reply(404, {}, {"error": {"code": "ResourceNotFound", "message": "not there"}})
        return Reply(200, {}, resource.shown())

    def _read_operation(self, operation: Operation) -> Reply:
        error = {"error": {"code": "Exploded", "message": "the operation failed"}}
        if operation.is_lost:
            return Reply(404, {}, {"error": {"code": "NotFound", "message": "expired"}})
        if operation.style == "async-operation":
            bad = "Canceled" if operation.is_canceled else "Failed"
            word = "InProgress" if not operation.is_done else bad if operation.fails else "Succeeded"
            return Reply(200, {}, {"status": word, **(error if operation.is_done and operation.fails else {})})
        if not operation.is_done:
            return Reply(202, {"retry-after": "0"})
        return Reply(409, {}, error) if operation.fails else self._result(operation, 200)

    def _result(self, operation: Operation, status: int) -> Reply:
        resource = self.resources.get(operation.path)
        return Reply(status, {}, resource.shown() if resource else None)
