"""A visitor of the page, by plain HTTP as the page's own script speaks it."""

import json
import time
import uuid
from collections.abc import Callable

import requests

_API = "gradio_api"


class Visitor:
    """One browser tab: a session of its own. Not for several threads at once."""

    def __init__(self, address: str, *, timeout: float = 60.0) -> None:
        """Open the page at an address."""
        self.address = address.rstrip("/")
        self.timeout = timeout
        self.session = requests.Session()
        self.name = uuid.uuid4().hex
        self.config = self._get("config").json()
        english = set(self.config["page"][""]["components"])  # others have the same names
        props = {part["id"]: part["props"] for part in self.config["components"]}
        found = ((number, p.get("elem_id")) for number, p in props.items() if number in english)
        self._ids = {name: number for number, name in found if name}
        own, events = set(self.config["page"][""]["dependencies"]), self.config["dependencies"]
        self.events = [event for event in events if event["id"] in own]
        """Of the English page; the others' run the same functions."""

    def upload(self, content: bytes, name: str = "lesion.jpg") -> dict:
        """Hand a file in; gives what stands for it in :meth:`press` and :meth:`call`."""
        url = f"{self.address}/{_API}/upload"
        answer = self.session.post(url, files={"files": (name, content)}, timeout=self.timeout)
        answer.raise_for_status()
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    def press(
        self, button: str, values: list, *, on_rank: Callable[[int], None] = lambda place: None
    ) -> dict:
        """Press a button by its ``elem_id`` and wait: ``{"data": [...]}`` or ``{"error": ...}``.

        ``on_rank`` gets the places in the queue, 0 for the first.
        """
        click = [self._ids[button], "click"]
        found = [d["id"] for d in self.config["dependencies"] if click in d["targets"]]
        return self.trigger(found[0], values, on_rank=on_rank)

    def trigger(
        self, event: int, values: list, *, on_rank: Callable[[int], None] = lambda place: None
    ) -> dict:
        """Do the same by the number that the page's configuration gives an event."""
        asked = {"data": values, "fn_index": event, "session_hash": self.name}
        url = f"{self.address}/{_API}/queue/join"
        answer = self._post(url, asked)
        number = answer.json()["event_id"]
        with self._get(f"{_API}/queue/data?session_hash={self.name}", stream=True) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix(b"data: ")) if line else {}
                if message.get("event_id") != number:
                    continue
                if message["msg"] == "estimation":
                    on_rank(message["rank"])
                if message["msg"] == "process_completed":
                    return message["output"]
        raise ConnectionError("the page closed the stream without an answer")

    def call(self, values: object, name: str = "predict") -> dict:
        """Call the endpoint for programs: the same answers as :meth:`press`."""
        url = f"{self.address}/{_API}/call/{name}"
        answer = self._post(url, {"data": values})
        text = self._get(f"{_API}/call/{name}/{answer.json()['event_id']}").text
        end, content = text.strip().removeprefix("event: ").split("\ndata: ", 1)
        found = json.loads(content)
        return {"data": found} if end == "complete" else {"error": None} | (found or {})

    def _post(self, url: str, values: dict) -> requests.Response:
        body = json.dumps(values)  # unlike requests' own, with NaN and infinity
        kind = {"Content-Type": "application/json"}
        answer = self.session.post(url, data=body, headers=kind, timeout=self.timeout)
        answer.raise_for_status()
        return answer

    def _get(self, path: str, **options: object) -> requests.Response:
        answer = self.session.get(f"{self.address}/{path}", timeout=self.timeout, **options)
        answer.raise_for_status()
        return answer


def wait_until_served(address: str, *, seconds: float = 90.0) -> None:
    """Wait until a page answers.

    Raises:
        TimeoutError: it did not.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if requests.get(address, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise TimeoutError(f"{address} did not answer within {seconds:.0f} s")
