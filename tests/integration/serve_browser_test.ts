/**
 * Documents of runs in a browser: they work, and can do nothing in the name of their reader.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { startService } from "../support/service.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/google-chrome"];
const canLaunch = (await Deno.permissions.query({ name: "ffi" })).state === "granted";
const found = await Promise.all(
  BROWSERS.map((path) => Deno.stat(path).then(() => path, () => undefined)),
);
const executablePath = found.find((path) => path !== undefined);

const TOKEN = "0123456789abcdef0123456789abcdef";

/** A report that does what reports do, and what they must not do. What it found is in its title. */
const REPORT = `<!doctype html><title>loading</title>
<script type="module" src="module.js"></script>
<a href="second.html" target="_blank">second</a>
<script>
const tried = {};
const attempt = async (name, call) => {
  try { tried[name] = await call(); } catch (error) { tried[name] = error.name; }
};
const text = (url, options) => fetch(url, options).then((r) => r.ok ? r.text() : r.status);
addEventListener("load", async () => {
  await attempt("data", () => text("data.json"));
  await attempt("range", () => text("data.json", { headers: { range: "bytes=0-1" } }));
  await attempt("module", () => globalThis.loaded);
  await attempt("cookie", () => document.cookie);
  await attempt("storage", () => localStorage.length);
  await attempt("api", () => text("/retained-runs"));
  await attempt("credentials", () => text("/retained-runs", { credentials: "include" }));
  await attempt("stable", () => text("/retained-runs/1-linux/files/logs/g/data.json"));
  await attempt("otherRun", () => text(location.pathname.replace("1-linux", "2-linux")));
  await attempt("outside", () => text("http://127.0.0.2:1/"));
  await attempt("origin", () => self.origin);
  await attempt("top", () => String(top.document));
  document.title = JSON.stringify(tried);
});
</script>`;

const FOUND = {
  data: '{"a":1}',
  range: '{"',
  module: "yes",
  cookie: "SecurityError",
  storage: "SecurityError",
  api: "TypeError",
  credentials: "TypeError",
  stable: "TypeError",
  otherRun: "TypeError",
  outside: "TypeError",
  origin: "null",
};

Deno.test({
  name: "serve, browser: documents of runs work in a sandbox",
  ignore: !canLaunch || executablePath === undefined,
  // The browser's pipes and timers are its library's.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async (t) => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await writeTree(staging, {
      "1-linux/logs/g/report.html": REPORT,
      "1-linux/logs/g/data.json": '{"a":1}',
      "1-linux/logs/g/module.js": 'globalThis.loaded = "yes";',
      "1-linux/logs/g/second.html": "<title>second report</title>",
      "1-linux/logs/g/image.svg":
        '<svg xmlns="http://www.w3.org/2000/svg"><script>document.title = self.origin</script></svg>',
      "1-linux/logs/frames/index.html": '<iframe src="../g/report.html"></iframe>',
      "1-linux/logs/plain/a.log": "<script>document.title = 'run'</script>",
      "2-linux/logs/g/report.html": "other",
    });
    const service = await startService({
      backend: new LocalBackend(staging),
      dir: staging,
      token: TOKEN,
      now: () => new Date(),
    });
    const { chromium } = await import("playwright-core");
    const browser: Browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    try {
      const context = await browser.newContext();
      const login = await context.request.post(`${service.url}login`, {
        form: { token: TOKEN },
        headers: { origin: service.url.replace(/\/$/, "") },
        maxRedirects: 0,
      });
      assert.equal(login.status(), 303, await login.text());
      const page = await context.newPage();
      const files = `${service.url}retained-runs/1-linux/files/`;
      const isDone = 'document.title.startsWith("{")';

      await t.step("a report loads its data, and nothing else", async () => {
        await page.goto(`${files}logs/g/report.html`);
        assert.match(new URL(page.url()).pathname, /^\/u\/[^/]+\/1-linux\/logs\/g\/report\.html$/);
        await page.waitForFunction(isDone);
        const { top, ...tried } = JSON.parse(await page.title());
        assert.deepEqual(tried, FOUND);
        assert.equal(top, "[object HTMLDocument]", "it is the top window itself");
      });
      await t.step("a report opens another one in a new window", async () => {
        const [popup] = await Promise.all([
          page.waitForEvent("popup"),
          page.getByRole("link", { name: "second" }).click(),
        ]);
        await popup.waitForURL(/second\.html$/);
        assert.equal(await popup.title(), "second report");
        await popup.close();
      });
      await t.step("a page of a run can frame a report of the run", async () => {
        await page.goto(`${files}logs/frames/`);
        const frame = page.frameLocator("iframe").owner();
        const inside = await (await frame.elementHandle())!.contentFrame();
        await inside!.waitForFunction(isDone);
        const { top, ...tried } = JSON.parse(await inside!.title());
        assert.deepEqual(tried, FOUND);
        assert.equal(top, "SecurityError");
      });
      await t.step("an image with a script has no origin either", async () => {
        await page.goto(`${files}logs/g/image.svg`);
        assert.match(new URL(page.url()).pathname, /^\/u\//);
        assert.equal(await page.evaluate("self.origin"), "null");
      });
      await t.step("a log is text, whatever it contains", async () => {
        await page.goto(`${files}logs/plain/a.log`);
        assert.equal(await page.title(), "");
        assert.equal(await page.locator("script").count(), 0);
      });
      await t.step("listings open, and their links lead to the files", async () => {
        await page.goto(files);
        await page.getByRole("link", { name: "logs/" }).click();
        await page.getByRole("link", { name: "plain/" }).click();
        await page.getByRole("link", { name: "a.log" }).click();
        assert.equal(page.url(), `${files}logs/plain/a.log`);
      });
      assert.deepEqual(service.log, []);
    } finally {
      await browser.close();
      await service[Symbol.asyncDispose]();
    }
  },
});
