// The same spec by openapi-typescript and openapi-fetch: types alone, checked and run.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi.js";

const { URL: origin, KEY: key } = process.env;
const client = createClient<paths>({
  baseUrl: `${origin}/api/v3`,
  headers: { Authorization: `Bearer ${key}` },
});
const body: components["schemas"]["KwaivgiKlingV1Tts"] = { text: "Hello", voice_id: "genshin_vindi2" };
const { data } = await client.POST("/kwaivgi/kling-v1-tts", { body });
const id = data?.data?.id;
assert(id);
const { data: answer } = await client.GET("/predictions/{id}/result", { params: { path: { id } } });
assert.equal(answer?.data?.id, id);

// @ts-expect-error: a voice that there is not
const wrong: components["schemas"]["KwaivgiKlingV1Tts"] = { text: "Hello", voice_id: "nobody" };
const { error } = await client.POST("/kwaivgi/kling-v1-tts", { body: wrong });
assert(typeof error === "object" && error.message?.includes('"voice_id"'));
