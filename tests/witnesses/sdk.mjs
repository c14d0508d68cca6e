// The vendor's JavaScript SDK against an emulator: what it says of success, failure and refusal.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import wavespeed from "wavespeed";

const Client = wavespeed.Client ?? wavespeed.default;
const MODEL = "kwaivgi/kling-lipsync/text-to-video";
const { URL: url, FAILING_URL: failing, KEY: key } = process.env;
const clip = process.argv[2];
const input = { text: "Hello", voice_id: "genshin_klee2" };
const quick = { pollInterval: 0.05 };
const client = (baseUrl = url, apiKey = key) => new Client(apiKey, { baseUrl });

const video = await client().upload(clip);
const { outputs } = await client().run(MODEL, { ...input, video }, quick);
const answer = await fetch(outputs[0]);
assert.deepEqual(Buffer.from(await answer.arrayBuffer()), await readFile(clip));

const done = await client().runNoThrow(MODEL, { ...input, video }, quick);
assert.equal(done.detail.status, "completed");

const failed = await client(failing).runNoThrow(MODEL, { ...input, video }, quick);
assert.equal(failed.detail.status, "failed");
assert.match(failed.detail.error.message, /no face was found/);
assert.notEqual(failed.detail.taskId, "unknown");

await assert.rejects(client(url, "wrong").run(MODEL, { ...input, video }), /Invalid API key/);
await assert.rejects(client().run(MODEL, { ...input, video, voice_id: "x" }), /voice_id/);
