// The page of the emulator in a real browser: it loads, asks nobody else, runs a lip-sync, shows
// what becomes of it and plays the video; a task that fails and inputs that are refused are told.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { URL: origin, FAILING_URL: failing, CHROMIUM: executablePath, SHOTS: shots } = process.env;
const clip = process.argv[2];
const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
  "--disable-component-update", "--no-first-run", "--autoplay-policy=no-user-gesture-required"];
const browser = await chromium.launch({ executablePath, args });
try {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  const problems = [];
  page.on("console", (message) => {
    // A refusal is an answer like any other, but the browser tells it as an error.
    if (message.type() === "error" && !/status of 4/.test(message.text())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (![origin, failing].some((host) => url.startsWith(`${host}/`)) && !url.startsWith("data:")) {
      problems.push(`it asked ${url}`);
    }
  });
  const shot = (name) => shots && page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });

  await page.goto(`${origin}/`);
  await page.getByRole("heading", { name: "Kling Lipsync Text To Video" }).waitFor();
  await page.getByText(/Credit: \d+/).waitFor();
  await shot("model");

  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText('field \\"text\\" is required').waitFor();

  await page.getByLabel("a file for video").setInputFiles(clip);
  await page.getByText("uploaded", { exact: true }).waitFor();
  await page.getByLabel(/^text/).fill("Hello");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText(/^completed at/).waitFor();
  const video = page.locator("video");
  const played = await video.evaluate(async (element) => {
    element.muted = true;
    await element.play();
    await new Promise((seen) => element.addEventListener("timeupdate", () => element.currentTime > 0 && seen()));
    return [element.videoWidth, element.videoHeight];
  });
  assert.deepEqual(played, [1280, 720]);
  await shot("done");

  await page.getByRole("link", { name: "Tasks", exact: true }).click();
  await page.getByRole("cell", { name: "kwaivgi/kling-lipsync/text-to-video" }).waitFor();
  await shot("tasks");

  await page.getByLabel("Filter models and calls").fill("secret");
  await page.getByRole("link", { name: /secret/ }).click();
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText(/"whsec_/).waitFor();

  await page.goto(`${failing}/`);
  await page.getByLabel(/^video/).fill("https://example.com/clip.mp4");
  await page.getByLabel(/^text/).fill("Hello");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText(/^failed at/).waitFor();
  await page.locator("p.bad", { hasText: "no face was found" }).waitFor();

  await page.getByLabel("Key").fill("wrong");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText("Invalid API key").waitFor();
  assert.deepEqual(problems, []);
} finally {
  await browser.close();
}
