"""The vendor's Python SDK against an emulator: what it says of success, failure and refusal."""

import os
import sys
import urllib.request

import wavespeed

MODEL = "kwaivgi/kling-lipsync/text-to-video"
CLIP = sys.argv[1]
INPUT = {"text": "Hello", "voice_id": "genshin_klee2"}


def client(url: str = "URL", key: str | None = None) -> wavespeed.Client:
    return wavespeed.Client(key or os.environ["KEY"], base_url=os.environ[url])


with open(CLIP, "rb") as file:
    clip = file.read()

uploaded = client().upload(CLIP)
output = client().run(MODEL, INPUT | {"video": uploaded}, poll_interval=0.05)
with urllib.request.urlopen(output["outputs"][0]) as answer:
    assert answer.read() == clip, "the output is another file"

done = client().run_no_throw(MODEL, INPUT | {"video": uploaded}, poll_interval=0.05)
assert done["status"] == "completed", done
assert client().get_result(done["task_id"])["data"]["id"] == done["task_id"]

failed = client("FAILING_URL").run_no_throw(
    MODEL, INPUT | {"video": uploaded}, poll_interval=0.05
)
assert failed["status"] == "failed", failed
assert "no face was found" in failed["error"], failed
assert failed["task_id"] != "unknown", failed

for refused, words in [
    (client(key="wrong"), "Invalid API key"),
    (client(), "voice_id"),
]:
    wrong = refused.run_no_throw(MODEL, {"video": uploaded, "text": "Hello", "voice_id": "x"})
    assert wrong["status"] == "failed" and words in wrong["error"], wrong
