// The vendor's command against an emulator.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MODEL = "kwaivgi/kling-lipsync/text-to-video";
const { URL: url, FAILING_URL: failing, KEY: key } = process.env;
const clip = process.argv[2];
const command = fileURLToPath(new globalThis.URL("node_modules/@wavespeed/cli/dist/cli.js", import.meta.url));

function wavespeed(words, WAVESPEED_API_KEY = key) {
  const env = { ...process.env, WAVESPEED_API_KEY, NO_COLOR: "1" };
  const run = spawnSync(process.execPath, [command, ...words], { env, encoding: "utf8" });
  const text = `wavespeed ${words.join(" ")}\n${run.status}\n${run.stdout}\n${run.stderr}`;
  return { status: run.status, stdout: run.stdout, text };
}

function json(words) {
  const run = wavespeed([...words, "--json"]);
  assert.equal(run.status, 0, run.text);
  return JSON.parse(run.stdout);
}

function refused(words, pattern, key) {
  const run = wavespeed(words, key);
  assert.notEqual(run.status, 0, run.text);
  assert.match(run.text, pattern);
}

const at = (base) => assert.equal(wavespeed(["config", "--base-url", base]).status, 0);
at(url);

const models = json(["models", "--no-cache"]);
assert.ok(models.some((model) => model.model_id === MODEL), "it is not listed");
const schema = json(["schema", MODEL]);
assert.ok(JSON.stringify(schema).includes("voice_id"), JSON.stringify(schema));
const before = json(["balance"]).balance;
const uploaded = JSON.stringify(json(["upload", clip]));
const video = uploaded.match(/http[^"]+/)[0];
const input = ["-i", `video=${video}`, "-i", "text=Hello", "-i", "voice_id=genshin_klee2"];
assert.ok(JSON.stringify(json(["price", MODEL, ...input])).includes("0.123"));
const run = ["run", MODEL, ...input];
const done = json([...run, "--download", "out.mp4"]);
assert.deepEqual(readFileSync("out.mp4"), readFileSync(clip));
const id = JSON.stringify(done).match(/[0-9a-f]{32}/)[0];
assert.ok(json(["balance"]).balance < before, "nothing was paid");
const history = json(["history"]);
assert.equal(history.items[0].id, id, JSON.stringify(history));
assert.equal(json(["show", id]).status, "completed");
assert.ok(JSON.stringify(json(["delete", id, "--yes"])).includes(id));
refused(["show", id], /not found/i);
refused(["run", MODEL, "-i", `video=${video}`, "-i", "text=Hello", "-i", "voice_id=x"], /voice_id/);
refused(["balance"], /401 Unauthorized/, "wrong");
at(failing);
refused(run, /no face was found/);
