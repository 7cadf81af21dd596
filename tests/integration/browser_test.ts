/**
 * Index pages in a browser: they open from a server and from a disk, sort, filter, and every link
 * of them leads somewhere.
 *
 * `RUN_OUTPUTS_TEST_SCREENSHOTS=DIR` leaves pictures of them, light and dark, wide and narrow.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { directoryPages } from "../../src/operations/index_pages/directory_pages.ts";
import { renderPage } from "../../src/operations/index_pages/render.ts";
import { runs } from "../support/command_line.ts";
import { serveDirectory } from "../support/http_server.ts";
import { makePipeline, ODD_NAME, pipelineUploads } from "../support/pipeline.ts";
import { tempDir } from "../support/temp_dir.ts";

/** Debian's Chromium, or what GitHub's runners have. */
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/google-chrome"];
// Playwright looks into /proc, which takes all permissions; `-P` does not give them.
const canLaunch = (await Deno.permissions.query({ name: "ffi" })).state === "granted";
const found = await Promise.all(
  BROWSERS.map((path) => Deno.stat(path).then(() => path, () => undefined)),
);
const executablePath = found.find((path) => path !== undefined);
const SCREENSHOTS = Deno.env.get("RUN_OUTPUTS_TEST_SCREENSHOTS");

/** A browser with all uploads of a pipeline, on a disk and served from there. */
interface Case {
  readonly page: Page;
  readonly browser: Browser;
  readonly url: string;
  readonly staging: string;
}

function test(name: string, fn: (c: Case) => Promise<void>): void {
  Deno.test({
    name: `browser: ${name}`,
    ignore: !canLaunch || executablePath === undefined,
    // The browser's pipes and timers are its library's.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using dir = await tempDir();
      await makePipeline(dir.path);
      const staging = join(dir.path, "staging");
      for (const [, args] of pipelineUploads(dir.path)) {
        await runs(0, ["upload", ...args, "--output-dir", staging]);
      }
      await using server = serveDirectory(staging);
      const { chromium } = await import("playwright-core");
      const browser = await chromium.launch({
        executablePath,
        args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
      });
      try {
        const page = await browser.newPage();
        const trouble: string[] = [];
        page.on("pageerror", (error) => trouble.push(error.message));
        page.on("console", (message) => {
          if (message.type() === "error") trouble.push(message.text());
        });
        await fn({ page, browser, url: server.url, staging });
        assert.deepEqual(trouble, []);
      } finally {
        await browser.close();
      }
    },
  });
}

/** The names that a page shows, in their order. */
function shown(page: Page): Promise<string[]> {
  return page.locator("tbody tr:visible td:first-child a").allTextContents();
}

/** All links of a page but those to GitHub, as the browser resolves them. */
function links(page: Page): Promise<string[]> {
  return page.locator("a[href]:not([rel])").evaluateAll((all) =>
    all.map((a) => (a as unknown as { readonly href: string }).href)
  );
}

/** All pages that can be reached from some, and every link on them. */
async function crawl(page: Page, starts: readonly string[]): Promise<Map<string, string[]>> {
  const pages = new Map<string, string[]>();
  const queue = [...starts];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (pages.has(at)) continue;
    await page.goto(at);
    const found = (await links(page)).map((link) => link.replace(/#.*/, ""));
    pages.set(at, found);
    queue.push(...found.filter((link) => link.endsWith("/index.html")));
  }
  return pages;
}

const RUNS = ["123-linux", "123-windows", "456-linux"];

test("every link of every page returns 200, and every file is linked", async (c) => {
  const pages = await crawl(c.page, RUNS.map((run) => `${c.url}/${run}/index.html`));
  const all = new Set([...pages.keys(), ...[...pages.values()].flat()]);
  const statuses = await Promise.all([...all].map(async (link) => {
    const answer = await fetch(link);
    await answer.body?.cancel();
    return `${answer.status} ${link}`;
  }));
  assert.deepEqual(statuses.filter((status) => !status.startsWith("200 ")), []);
  const linked = new Set([...all].map((link) => decodeURIComponent(new URL(link).pathname)));
  assert(linked.has(`/123-linux/logs/g/${ODD_NAME}`));
  const files: string[] = [];
  await (async function walk(dir: string, above: string): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(dir)) {
      if (isDirectory) await walk(join(dir, name), `${above}${name}/`);
      else files.push(above + name);
    }
  })(c.staging, "/");
  // A simple index is pip's; people get there by the address that the page shows.
  // The parts of the outputs manifest and the summary come after the pages, for programs.
  const others = /\/(?:simple|manifests\/outputs)\/|\/retention-summary\.json$/;
  assert.deepEqual(files.filter((f) => !linked.has(f) && !others.test(f)), []);
});

test("from a disk every page opens and every link leads to a file", async (c) => {
  const starts = RUNS.map((run) => pathToFileURL(join(c.staging, run, "index.html")).href);
  const pages = await crawl(c.page, starts);
  assert(pages.size > 15);
  for (const link of new Set([...pages.values()].flat())) {
    assert((await Deno.stat(new URL(link))).isFile, link);
  }
});

test("sorts by each column, there and back, directories first", async ({ page, url }) => {
  await page.goto(`${url}/123-linux/logs/g/index.html`);
  const inOrder = await shown(page);
  assert(inOrder.length > 5);
  const header = (name: string) => page.locator("th").filter({ hasText: name });
  const values = (column: number) =>
    page.locator(`tbody tr td:nth-child(${column})`).evaluateAll((cells) =>
      cells.map((cell) =>
        Number((cell as unknown as { dataset: Record<string, string> }).dataset.v)
      )
    );
  for (const [name, column] of [["Size", 2], ["Modified", 3]] as const) {
    await header(name).getByRole("button").click();
    assert.equal(await header(name).getAttribute("aria-sort"), "descending");
    assert.deepEqual(await values(column), (await values(column)).toSorted((a, b) => b - a));
    await header(name).getByRole("button").click();
    assert.equal(await header(name).getAttribute("aria-sort"), "ascending");
    assert.deepEqual(await values(column), (await values(column)).toSorted((a, b) => a - b));
  }
  await header("Name").getByRole("button").click();
  assert.equal(await header("Size").getAttribute("aria-sort"), null);
  assert.deepEqual(await shown(page), inOrder);
  await header("Name").getByRole("button").click();
  assert.deepEqual(await shown(page), inOrder.toReversed());

  await page.goto(`${url}/456-linux/logs/math-libs/index.html`);
  await header("Size").getByRole("button").click();
  assert.deepEqual(await shown(page), ["gfx1151/"]);
});

test("filters by words, over all lists, and the key / goes there", async ({ page, url }) => {
  await page.goto(`${url}/123-linux/index.html`);
  assert.equal(await page.locator("[data-elsewhere]").isVisible(), true, "nobody knows the place");
  const all = await shown(page);
  await page.keyboard.press("/");
  await page.keyboard.type("LIB gfx94x");
  assert.deepEqual(await shown(page), ["blas_lib_gfx94X-dcgpu.tar.zst"]);
  assert.equal(await page.locator("output").textContent(), `1 of ${all.length}`);
  assert.equal(await page.locator("section:visible").count(), 1);
  await page.locator("input").fill("nothing like this");
  assert.deepEqual(await shown(page), []);
  assert.equal(await page.locator(".none:visible").textContent(), "No name matches the filter.");
  await page.locator("input").fill("");
  assert.deepEqual(await shown(page), all);
  assert.equal(await page.locator("output").textContent(), "");
});

test("copies hashes and the command that fetches the run, on a phone too", async (c) => {
  const context = await c.browser.newContext({ viewport: { width: 380, height: 700 } });
  const page = await context.newPage();
  await page.goto(pathToFileURL(join(c.staging, "123-linux/index.html")).href);
  const command = await page.locator(".copy pre").textContent();
  assert.match(command!, /^run-outputs fetch --run-id 123 --platform linux [^\n]* --staging-dir /);
  assert(command!.endsWith(c.staging), `${command}`);
  assert.equal(await page.locator("[data-elsewhere]").isVisible(), false, "nothing is to be added");
  const selection = () =>
    page.evaluate(() =>
      (globalThis as unknown as { getSelection(): object }).getSelection().toString()
    );
  // A browser without the permission selects it, and the reader copies.
  await page.locator(".copy button").click();
  await page.locator(".copy button", { hasText: /^(Copied|Selected)$/ }).waitFor();
  const code = page.locator(".h code").first();
  assert.match((await code.textContent())!, /^[0-9a-f]{64}$/);
  await code.click();
  await page.locator(`.h code[title^="Copied "], .h code[title^="Selected "]`).first().waitFor();
  assert([await code.textContent(), ""].includes(await selection()));
  await context.close();
});

test("shows pip's command with its own URL, and --index-url only where it works", async (c) => {
  const { page, url, staging } = c;
  const python = "123-linux/python/gfx110X-all/";
  const file = pathToFileURL(join(staging, python)).href;
  const commandsAt = async (at: string) => {
    await page.goto(`${at}#here`);
    return await page.locator("pre:visible").allTextContents();
  };
  const links = (at: string) => `pip install --pre --no-index --find-links ${at} PACKAGE`;
  const index = (dir: string) => `pip install --pre --index-url ${dir}simple/ PACKAGE`;
  const dir = `${url}/${python}`;
  // As on S3: the page says nothing of what the server does with directories.
  assert.deepEqual(await commandsAt(`${dir}index.html`), [links(`${dir}index.html`)]);
  assert.deepEqual(await commandsAt(dir), [links(dir), index(dir)]);
  const local = `${file}index.html`;
  assert.deepEqual(await commandsAt(local), [links(local), index(file)]);
});

test("without scripts the list is whole, and no dead control is shown", async (c) => {
  const context = await c.browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${c.url}/123-linux/index.html`);
  assert((await shown(page)).includes("blas_lib_gfx94X-dcgpu.tar.zst"));
  assert.equal(await page.locator("input").isVisible(), false);
  await context.close();
});

test("no name is markup, whatever it says", async ({ page, staging }) => {
  const dir = new OutputLocation("local", "nasty");
  const names = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '"><b>bold',
    "javascript:alert(1)",
    "a'b&amp;c",
  ].map((name) => name.replaceAll("/", "∕"));
  const [model] = directoryPages(dir, names.map((name) => ({ location: dir.join(name) })));
  const file = join(staging, "nasty.html");
  await Deno.writeTextFile(file, renderPage(model));
  page.on("dialog", () => assert.fail("a name ran as a script"));
  await page.goto(pathToFileURL(file).href);
  assert.deepEqual((await shown(page)).sort(), names.toSorted());
  assert.equal(await page.locator("main img, main b, main script").count(), 0);
});

test("10,000 rows: opens, filters and sorts", async ({ page, staging }) => {
  const dir = new OutputLocation("local", "many");
  const [model] = directoryPages(
    dir,
    Array.from({ length: 10_000 }, (_, i) => ({
      location: dir.join(`logs/stage${i % 17}/test_${i}.log`),
      size: (i * 7919) % 10_007,
      modified: new Date(Date.UTC(2026, 0, 1) + i * 61_000),
    })),
  );
  const file = join(staging, "many.html");
  await Deno.writeTextFile(file, renderPage(model));
  await page.goto(pathToFileURL(file).href);
  assert.equal((await shown(page)).length, 10_000);
  await page.locator("input").fill("stage3/ test_99");
  assert.equal(
    (await shown(page)).every((name) => /stage3\/.*test_99/.test(name)),
    true,
  );
  await page.locator("input").fill("");
  await page.locator("th button").nth(1).click();
  const sizes = await page.locator("td.n").evaluateAll((cells) =>
    cells.slice(0, 3).map((cell) =>
      Number((cell as unknown as { dataset: Record<string, string> }).dataset.v)
    )
  );
  assert.deepEqual(sizes, [10_006, 10_005, 10_004]);
  await screenshot(page, "many");
});

const PICTURES: Readonly<Record<string, string>> = {
  run: "123-linux/index.html",
  logs: "123-linux/logs/index.html",
  group: "123-linux/logs/g/index.html",
  multiarch: "456-linux/index.html",
  python: "456-linux/python/gfx1151/index.html",
};

test("nothing is wider than the window, light and dark, wide and narrow", async (c) => {
  for (const [name, path] of Object.entries(PICTURES)) {
    for (const colorScheme of ["light", "dark"] as const) {
      for (const [size, width] of [["wide", 1280], ["narrow", 360]] as const) {
        const viewport = { width, height: 800 };
        const context = await c.browser.newContext({ colorScheme, viewport });
        const page = await context.newPage();
        await page.goto(`${c.url}/${path}`);
        const scroll = await page.locator("html").evaluate((html) =>
          (html as unknown as { readonly scrollWidth: number }).scrollWidth
        );
        assert(scroll <= width, `${name} is ${scroll} wide in a window of ${width}`);
        await screenshot(page, `${name}-${colorScheme}-${size}`);
        await context.close();
      }
    }
  }
});

async function screenshot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await Deno.mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
