// The main job in TypeScript, by what @hey-api/openapi-ts makes of the bundle: submit, ask until the
// task has ended, download; a task that fails; inputs that are refused.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createClient } from "./hey/client/index.js";
import {
  createUpload,
  getPredictionResult,
  submitKwaivgiKlingLipsyncTextToVideo,
} from "./hey/sdk.gen.js";
import type {
  Error as Refusal,
  KwaivgiKlingLipsyncTextToVideo,
  Prediction,
  PredictionAnswer,
} from "./hey/types.gen.js";

const [, , clip, vectors] = process.argv;
const { URL: origin, FAILING_URL: failing, KEY: key } = process.env;
assert(clip && vectors && origin && failing && key);

const at = (host: string) => createClient({ baseUrl: `${host}/api/v3`, auth: key });
const ended = ["completed", "failed", "cancelled", "timeout", "deleted"];

function dataOf<T>(answer: { code?: number; data?: T | null } | undefined): T {
  assert.equal(answer?.code, 200);
  assert(answer?.data);
  return answer.data;
}

async function upload(file: string): Promise<string> {
  const bytes = readFileSync(file);
  const { data } = await createUpload({
    client: at(origin!),
    body: { filename: "clip.mp4", size: bytes.length, content_type: "video/mp4" },
  });
  const ticket = dataOf(data);
  const put = await fetch(ticket.upload.url, {
    method: "PUT",
    headers: ticket.upload.headers ?? {},
    body: bytes,
  });
  assert(put.ok, String(put.status));
  return ticket.download_url;
}

async function run(host: string, body: KwaivgiKlingLipsyncTextToVideo): Promise<Prediction> {
  const client = at(host);
  const submitted = await submitKwaivgiKlingLipsyncTextToVideo({ client, body });
  let prediction = dataOf(submitted.data);
  while (!ended.includes(prediction.status)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const answer = await getPredictionResult({ client, path: { id: prediction.id } });
    prediction = dataOf(answer.data);
  }
  return prediction;
}

const input: KwaivgiKlingLipsyncTextToVideo = {
  video: await upload(clip),
  text: "Hello",
  voice_id: "genshin_klee2",
};
const done = await run(origin, input);
const output = done.outputs?.[0];
assert(typeof output === "string");
const downloaded = await (await fetch(output)).arrayBuffer();
assert.deepEqual(Buffer.from(downloaded), readFileSync(clip));

const failed = await run(failing, input);
assert.equal(failed.status, "failed");
assert.equal(failed.error, "no face was found");

interface Input {
  model: string;
  input: Record<string, unknown>;
  api: string | null;
}
const inputs: { vectors: Input[] } = JSON.parse(readFileSync(`${vectors}/inputs.json`, "utf8"));
const client = at(origin);
for (const vector of inputs.vectors) {
  const { data, error } = await client.post<{ 200: PredictionAnswer }, { 400: Refusal }>({
    url: `/${vector.model}`,
    body: vector.input,
    security: [{ scheme: "bearer", type: "http" }],
    headers: { "Content-Type": "application/json" },
  });
  if (vector.api === null) {
    assert.equal(data?.code, 200, JSON.stringify(vector));
  } else {
    assert(error?.message?.includes(`"${vector.api}"`), JSON.stringify({ vector, error }));
  }
}

interface Answer {
  name: string;
  http: number;
  body: PredictionAnswer;
  prediction: { id: string; status: string; ended: boolean; outputs: unknown[]; error: string } | null;
}
const answers: { vectors: Answer[] } = JSON.parse(readFileSync(`${vectors}/answers.json`, "utf8"));
for (const { name, http, body, prediction } of answers.vectors) {
  const data = http === 200 && body.code === 200 ? body.data : null;
  const read = data && {
    id: data.id,
    status: data.status,
    ended: ended.includes(data.status),
    outputs: data.outputs ?? [],
    error: data.error ?? "",
  };
  assert.deepEqual(read ?? null, prediction, name);
}
