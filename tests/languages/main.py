"""The main job in Python, by what openapi-python-client makes of the bundle: submit, ask until the
task has ended, download; a task that fails; inputs that are refused; and webhooks, by the hmac module
alone."""

import hashlib
import hmac
import json
import os
import re
import sys
import time
from pathlib import Path

import httpx

from wavespeed_api import AuthenticatedClient
from wavespeed_api.api.kwaivgi import submit_kwaivgi_kling_lipsync_text_to_video as lipsync
from wavespeed_api.api.media import create_upload
from wavespeed_api.api.predictions import get_prediction_result
from wavespeed_api.models import (
    KwaivgiKlingLipsyncTextToVideo,
    KwaivgiKlingLipsyncTextToVideoVoiceId,
    Prediction,
    PredictionAnswer,
    UploadAnswer,
    UploadRequest,
)
from wavespeed_api.types import Unset

CLIP = Path(sys.argv[1])
VECTORS = Path(sys.argv[2])
KEY = os.environ["KEY"]
ENDED = ["completed", "failed", "cancelled", "timeout", "deleted"]


def at(host: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=f"{os.environ[host]}/api/v3", token=KEY)


def data(answer: object) -> Prediction:
    assert isinstance(answer, PredictionAnswer), answer
    assert isinstance(answer.data, Prediction), answer
    return answer.data


def upload(client: AuthenticatedClient, file: Path) -> str:
    content = file.read_bytes()
    request = UploadRequest(filename="clip.mp4", size=len(content), content_type="video/mp4")
    answer = create_upload.sync(client=client, body=request)
    assert isinstance(answer, UploadAnswer) and answer.data, answer
    ticket = answer.data
    assert not isinstance(ticket, Unset)
    headers = ticket.upload.headers
    sent = headers.to_dict() if headers and not isinstance(headers, Unset) else {}
    httpx.put(ticket.upload.url, content=content, headers=sent).raise_for_status()
    return ticket.download_url


def run(client: AuthenticatedClient, body: KwaivgiKlingLipsyncTextToVideo) -> Prediction:
    prediction = data(lipsync.sync(client=client, body=body))
    while prediction.status not in ENDED:
        time.sleep(0.02)
        prediction = data(get_prediction_result.sync(prediction.id, client=client))
    return prediction


body = KwaivgiKlingLipsyncTextToVideo(
    video=upload(at("URL"), CLIP),
    text="Hello",
    voice_id=KwaivgiKlingLipsyncTextToVideoVoiceId.GENSHIN_KLEE2,
)
done = run(at("URL"), body)
assert done.outputs and isinstance(done.outputs[0], str), done
assert httpx.get(done.outputs[0]).content == CLIP.read_bytes()

failed = run(at("FAILING_URL"), body)
assert (failed.status, failed.error) == ("failed", "no face was found"), failed

for vector in json.loads((VECTORS / "inputs.json").read_text())["vectors"]:
    answered = at("URL").get_httpx_client().post("/" + vector["model"], json=vector["input"])
    if vector["api"] is None:
        assert answered.status_code == 200, (vector, answered.text)
    else:
        assert answered.status_code == 400, (vector, answered.text)
        assert f'"{vector["api"]}"' in answered.json()["message"], (vector, answered.text)

for vector in json.loads((VECTORS / "answers.json").read_text())["vectors"]:
    told = None
    if vector["http"] == 200 and vector["body"]["code"] == 200:
        read = data(PredictionAnswer.from_dict(vector["body"]))
        told = {
            "id": read.id,
            "status": read.status,
            "ended": read.status in ENDED,
            "outputs": read.outputs or [],
            "error": read.error or "",
        }
    assert told == vector["prediction"], vector


def verified(secret: str, headers: dict[str, str], body: str, now: int) -> str:
    """What stands against a request that says it is a webhook of the vendor, or `ok`."""
    names = ["webhook-id", "webhook-timestamp", "webhook-signature"]
    if any(name not in headers for name in names):
        return "missing"
    event, timestamp, signature = (headers[name] for name in names)
    if not signature.startswith("v3,"):
        return "scheme"
    if not re.fullmatch("[0-9]+", timestamp):
        return "timestamp"
    if abs(now - int(timestamp)) > 300:
        return "too_old" if int(timestamp) < now else "too_new"
    if not re.fullmatch("v3,[0-9a-f]{64}", signature):
        return "digits"
    signed = f"{event}.{timestamp}.{body}".encode()
    key = secret.removeprefix("whsec_").encode()
    right = "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, right):
        return "signature"
    try:
        return "ok" if "id" in json.loads(body) else "body"
    except ValueError:
        return "body"


for vector in json.loads((VECTORS / "webhooks.json").read_text())["vectors"]:
    found = verified(vector["secret"], vector["headers"], vector["body"], vector["now"])
    assert found == vector["expect"], (vector, found)
