"""Remember which effect each call of a job waits for, and whether it has left this machine.

A job that is stopped recalls what has not gone out. One that is resumed gets new
effects: what comes of those from before the stop is nobody's any more.
"""

from __future__ import annotations

from azjobs.core.events import ReadUrl, SendRequest

Effect = SendRequest | ReadUrl


class Awaited:
    """By job and call: the effect that is waited for. Effects are told apart by what they are, not by what they say."""

    def __init__(self) -> None:
        self._effects: dict[str, dict[str, Effect]] = {}
        self._out: dict[str, set[str]] = {}

    def add(self, uuid: str, effect: Effect) -> None:
        """From now on the call waits for this effect, and for none before it."""
        self.forget(uuid, effect.call)
        self._effects.setdefault(uuid, {})[effect.call] = effect

    def has(self, uuid: str, effect: Effect) -> bool:
        """Whether it is still waited for."""
        return self._effects.get(uuid, {}).get(effect.call) is effect

    def go_out(self, uuid: str, effect: Effect) -> None:
        """It may leave this machine from now on."""
        self._out.setdefault(uuid, set()).add(effect.call)

    def come_back(self, uuid: str, effect: Effect) -> None:
        """It was not executed, and waits again."""
        if self.has(uuid, effect):
            self._out.get(uuid, set()).discard(effect.call)

    def forget(self, uuid: str, call: str) -> None:
        """The call waits for nothing any more."""
        self._effects.get(uuid, {}).pop(call, None)
        self._out.get(uuid, set()).discard(call)
        if not self._effects.get(uuid):
            self._effects.pop(uuid, None)
            self._out.pop(uuid, None)

    def recall(self, uuid: str) -> tuple[str, ...]:
        """Forget what was to be sent for a job and has not gone out; returns the keys of its calls."""
        out = self._out.get(uuid, set())
        effects = self._effects.get(uuid, {}).values()
        keys = tuple(one.call for one in effects if isinstance(one, SendRequest) and one.call not in out)
        for key in keys:
            self.forget(uuid, key)
        return keys
