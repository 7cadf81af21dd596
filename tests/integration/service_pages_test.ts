/**
 * The pages of the service in a browser.
 *
 * `RUN_OUTPUTS_TEST_SCREENSHOTS=DIR` leaves pictures of them, light and dark, wide and narrow.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { rootOf } from "../support/retained.ts";
import { startService } from "../support/service.ts";
import { ATTACKS, LOG, putServiceWorld } from "../support/service_world.ts";
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

const LOG_PAGE = "retained-runs/300-linux/view/logs/gfx94X-dcgpu/build.log";
const HUGE_PAGE = "retained-runs/299-linux/view/logs/gfx94X-dcgpu/build.log";
const REPORT_PAGE = "retained-runs/300-linux/view/logs/gfx94X-dcgpu/report.html";
/** One of each kind of page. */
const PAGES = {
  runs: "retained-runs",
  "runs-empty": "retained-runs?q=nothing&platform=linux",
  run: "retained-runs/300-linux?diff=before",
  "run-bad": "retained-runs/301-windows",
  "run-evil": "retained-runs/evil-repo~12-linux",
  files: "retained-runs/300-linux/files",
  log: LOG_PAGE,
  "log-start": `${LOG_PAGE}#L40-L44`,
  report: REPORT_PAGE,
  search: "retained-runs/300-linux/search?problems=true",
};

const LINES = LOG.split("\n");

/** The number of the lines of the huge log, each of 100 bytes. */
const HUGE_LINES = 2_000_000;
const NEEDLE = 1_234_567;

/** A browser, and a service with the runs. */
interface Case {
  readonly url: string;
  readonly backend: LocalBackend;
  /** Opens a page; nothing may go wrong on it, and nothing may be requested from elsewhere. */
  open(path: string, options?: BrowserContextOptions): Promise<Page>;
}

Deno.test({
  name: "service pages: in a browser",
  ignore: !canLaunch || executablePath === undefined,
  // The browser's pipes and timers are its library's.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async (t) => {
    await using dir = await tempDir();
    const backend = new LocalBackend(dir.path);
    await putServiceWorld(backend);
    await writeHugeLog(join(dir.path, "299-linux/logs/gfx94X-dcgpu/build.log"));

    await using service = await startService({ backend, dir: dir.path });
    const { chromium } = await import("playwright-core");
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    const trouble: string[] = [];
    const open = async (path: string, options: BrowserContextOptions = {}) => {
      const page = await (await browser.newContext(options)).newPage();
      watch(page, service.url, trouble);
      await page.goto(service.url + path);
      return page;
    };
    try {
      for (const [name, step] of Object.entries(STEPS)) {
        await t.step({
          name,
          sanitizeOps: false,
          sanitizeResources: false,
          fn: async () => {
            await step({ url: service.url, backend, open });
            assert.deepEqual(trouble.splice(0), []);
            await closeAll(browser);
          },
        });
      }
    } finally {
      await browser.close();
    }
  },
});

function watch(page: Page, origin: string, trouble: string[]): void {
  page.on("pageerror", (error) => trouble.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") trouble.push(message.text());
  });
  page.on("dialog", (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(origin)) trouble.push(`request: ${request.url()}`);
  });
}

async function closeAll(browser: Browser): Promise<void> {
  for (const context of browser.contexts()) await context.close();
}

/** Writes lines of 100 bytes. */
async function writeHugeLog(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, truncate: true, create: true });
  const encoder = new TextEncoder();
  for (let line = 1; line <= HUGE_LINES;) {
    const lines: string[] = [];
    for (; lines.length < 20_000 && line <= HUGE_LINES; line++) {
      const text = line === NEEDLE ? `line ${line} error: the needle ` : `line ${line} `;
      lines.push(text.padEnd(99, "."));
    }
    const bytes = encoder.encode(`${lines.join("\n")}\n`);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  }
}

/** The texts of the rows that can be seen. */
async function seen(page: Page): Promise<string[]> {
  return await page.evaluate(`(() => {
    const view = document.getElementById("log").getBoundingClientRect();
    return [...document.querySelectorAll("#rows .row:not([hidden])")].filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return bottom > view.top && top < view.bottom;
    }).map((row) => row.querySelector(".tx").innerText.trimEnd());
  })()`);
}

/** Waits until a row with a text can be seen. */
async function see(page: Page, text: string): Promise<void> {
  await until(async () => (await seen(page)).some((row) => row.includes(text)), `see '${text}'`);
}

/** Waits for a condition. (The page's policy forbids Playwright to wait inside of it.) */
async function until(condition: () => Promise<unknown>, what: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`waited in vain: ${what}`);
}

const STEPS: Readonly<Record<string, (c: Case) => Promise<void>>> = {
  "runs: filters are in the address, and the keyboard opens a run": async ({ open, url }) => {
    const page = await open("");
    assert.equal(page.url(), `${url}retained-runs`);
    assert.equal(await page.locator("tbody tr").count(), 5);
    await page.keyboard.press("/");
    await page.keyboard.type("rocm");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${url}retained-runs?q=rocm`);
    assert.equal(await page.locator("tbody tr").count(), 2);
    await page.getByText("Filters", { exact: true }).click();
    await page.getByLabel("Completeness").selectOption("complete");
    await page.getByRole("button", { name: "Search" }).click();
    await page.waitForURL(`${url}retained-runs?q=rocm&completeness=complete`);
    assert.deepEqual(await page.locator("td.main a").allInnerTexts(), ["300-linux"]);
    await page.getByRole("link", { name: "Clear the filters" }).click();
    await page.waitForURL(`${url}retained-runs?`);
    for (const order of ["ascending", "descending"]) {
      await page.getByRole("button", { name: "Size" }).click();
      await page.locator(`th[aria-sort=${order}]`).waitFor();
      const first = (await page.locator("td.main a").allInnerTexts())[0];
      assert.equal(first, order === "ascending" ? "7-linux" : "299-linux");
    }
    await page.reload();
    for (const key of ["j", "j", "j", "k"]) await page.keyboard.press(key);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${url}retained-runs/300-linux`);
    await page.keyboard.press("?");
    assert(await page.getByRole("dialog").isVisible());
    await page.keyboard.press("Escape");
    assert(!await page.getByRole("dialog").isVisible());
  },

  "run: commands have the address that the browser used": async ({ open, url }) => {
    const page = await open("retained-runs/300-linux");
    // As a proxy may do it.
    const other = url.replace("127.0.0.1", "localhost");
    await page.route(`${other}**`, async (route) => {
      const response = await route.fetch({ url: route.request().url().replace(other, url) });
      await route.fulfill({ response });
    });
    page.removeAllListeners("request");
    await page.goto(`${other}retained-runs/300-linux`);
    const commands = await page.locator(".copy pre").allInnerTexts();
    assert(commands[0].includes(`--server ${other} --run-id 300`), commands[0]);
    assert(commands[1].includes(`${other}retained-runs/300-linux/files/PATH`), commands[1]);
    assert(commands[2].includes("--cut-dirs=3"));
    await page.getByRole("button", { name: "Copy: All files" }).click();
    await page.getByText(/^(?:Copied|Selected)$/).waitFor();
  },

  "report: its script runs, in an origin of its own": async ({ open }) => {
    const page = await open(REPORT_PAGE);
    const text = page.frameLocator("iframe").getByText("12 tests passed, origin null");
    await text.waitFor();
    assert.equal(await page.getByRole("link", { name: "Open raw" }).count(), 1);
  },

  "log: opens at its end, numbers its lines, goes back to the start": async ({ open }) => {
    const page = await open(LOG_PAGE);
    await see(page, "Process completed with exit code 1.");
    const last = page.locator(".row .ln").last();
    const end = `${LINES.length - 1}`;
    await until(async () => await last.getAttribute("data-n") === end, "lines are numbered");
    assert.equal(await last.getAttribute("href"), `#L${end}`);
    assert.equal(await page.locator(".row[data-marker=error]").count(), 1);
    await page.keyboard.press("g");
    await see(page, "Configure");
    await see(page, "-- Looking for part 1");
    assert.equal(await page.locator("time.ts").first().isVisible(), false);
    await page.keyboard.press("t");
    assert.equal(await page.locator("time.ts").first().isVisible(), true);
    await page.keyboard.press("t");
    await page.keyboard.press("f");
    assert((await seen(page)).every((text) => !text.includes("Looking for")));
    await page.keyboard.press("f");
    await see(page, "-- Looking for part 1");
    await page.keyboard.press("w");
    assert.equal(
      await page.getByRole("button", { name: "Wrap" }).getAttribute("aria-pressed"),
      "true",
    );
  },

  "log: the whole text is copied without numbers and times": async ({ open }) => {
    const page = await open(LOG_PAGE);
    await page.keyboard.press("g");
    await see(page, "Configure");
    const text: string = await page.evaluate(`(() => {
      getSelection().selectAllChildren(document.getElementById("rows"));
      return getSelection().toString();
    })()`);
    assert(text.includes("-- Looking for part 1\n-- Looking for part 2\n"), text.slice(0, 300));
  },

  "log: problems one after the other, and search": async ({ open, url }) => {
    const page = await open(LOG_PAGE);
    await page.keyboard.press("g");
    await see(page, "Configure");
    for (const text of ["FAILED: blas.o", "blas.cpp:12:3: error", "ninja: build stopped"]) {
      await page.keyboard.press("n");
      await page.locator(".row.hit", { hasText: text }).waitFor();
    }
    await page.keyboard.press("p");
    await page.locator(".row.hit", { hasText: "blas.cpp:12:3: error" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("Building object 77.o");
    await page.keyboard.press("Shift+Enter");
    await page.locator(".row.hit", { hasText: "[77/600]" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByText("No match after this place").waitFor();
    await page.keyboard.press("Enter");
    await page.getByText("Match in line").waitFor();
    await page.getByRole("searchbox").fill("exit code");
    await page.getByRole("button", { name: "In all logs" }).click();
    await page.waitForURL(`${url}retained-runs/300-linux/search?q=exit+code`);
    await page.goto(`${url}${LOG_PAGE}#L3-L5`);
    await page.reload();
    await page.locator(".row.selected").nth(2).waitFor();
    assert.deepEqual(
      await page.locator(".row.selected .tx").allInnerTexts(),
      [1, 2, 3].map((i) => `-- Looking for part ${i}`),
    );
    await page.locator("#L8").click();
    await page.locator("#L10").click({ modifiers: ["Shift"] });
    assert.equal(new URL(page.url()).hash, "#L8-L10");
  },

  "log: 200 MB are opened at the end, scrolled and searched": async ({ open }) => {
    const began = performance.now();
    const page = await open(HUGE_PAGE);
    await see(page, `line ${HUGE_LINES} `);
    const first = performance.now() - began;
    await page.keyboard.press("Shift+G");
    const middle = `(() => {
      const log = document.getElementById("log");
      log.scrollTop = log.scrollHeight / 2;
    })()`;
    await page.evaluate(middle);
    const firstAt = async () =>
      Number(await page.locator("#rows .row").first().getAttribute("data-at"));
    await until(async () => Math.abs(await firstAt() - HUGE_LINES * 50) < 5e6, "the middle");
    // Wherever it is, what is shown is without a gap.
    for (let i = 0; i < 8; i++) {
      await page.mouse.move(400, 400);
      await page.mouse.wheel(0, i < 4 ? 3000 : -5000);
    }
    await until(async () => await page.locator("#rows .row").count() > 1500, "more rows");
    const gaps = await page.evaluate(`(() => {
      const at = [...document.querySelectorAll("#rows .row")].map((row) => Number(row.dataset.at));
      return at.filter((value, i) => i > 0 && value - at[i - 1] !== 100).length;
    })()`);
    assert.equal(gaps, 0);
    await page.keyboard.press("Shift+G");
    await see(page, `line ${HUGE_LINES} `);
    const searched = performance.now();
    await page.keyboard.press("p");
    await page.locator(".row.hit", { hasText: `line ${NEEDLE} error: the needle` }).waitFor();
    const hit = performance.now() - searched;
    if (SCREENSHOTS !== undefined) {
      console.log(`200 MB: first line after ${first.toFixed()} ms, hit after ${hit.toFixed()} ms`);
    }
    await page.locator("input[name=line]").fill("1000000");
    await page.keyboard.press("Enter");
    await page.locator(".row.selected", { hasText: "line 1000000 " }).waitFor();
  },

  "log: a replaced file is reported": async ({ open, backend }) => {
    const path = "logs/gfx94X-dcgpu/other.log";
    const at = rootOf("299-linux").file(path);
    const text = Array.from({ length: 2000 }, (_, i) => `old ${i}\n`).join("");
    await backend.write(at, bytesSource(text));
    const errors: string[] = [];
    const page = await open(`retained-runs/299-linux/view/${path}`);
    await see(page, "old 1999");
    page.removeAllListeners("console");
    page.on("console", (message) => errors.push(message.text()));
    await backend.write(at, bytesSource("new\n"));
    await page.keyboard.press("g");
    await page.getByRole("alert").waitFor();
    assert(errors.some((error) => error.includes("409")), String(errors));
    await page.getByRole("link", { name: "Load it again" }).click();
    await see(page, "new");
  },

  "log: a file that is replaced while its lines are counted is reported": async (
    { open, backend },
  ) => {
    const path = "logs/gfx94X-dcgpu/counted.log";
    const at = rootOf("299-linux").file(path);
    await backend.write(at, bytesSource("old\n".repeat(5000)));
    const page = await open("retained-runs");
    page.removeAllListeners("console");
    // The lines are counted, and the file is gone before the page asks for their numbers.
    await page.route(/number=true/, async (route) => {
      const response = await route.fetch();
      await backend.write(at, bytesSource("new\n"));
      await route.fulfill({ response });
    });
    await page.goto(page.url().replace("retained-runs", `retained-runs/299-linux/view/${path}`));
    await page.getByRole("alert").waitFor();
    await page.unrouteAll({ behavior: "wait" });
  },

  "names that are attacks do nothing": async ({ open }) => {
    const page = await open("retained-runs/evil-repo~12-linux");
    await page.goto(page.url().replace("evil-repo~12-linux", "300-linux/files?kind=log"));
    assert.equal(await page.locator("td.main a").count(), ATTACKS.length + 2);
    const links = await page.locator("td.main a").evaluateAll((all) =>
      all.map((a) => (a as unknown as { readonly href: string }).href)
    );
    for (const link of links) {
      await page.goto(link);
      await page.locator("#log").waitFor();
      await page.goto(link.replace("/view/", "/search/").replace(/$/, "?q=logs"));
      await page.locator("#main form").waitFor();
    }
  },

  "without JavaScript every page is complete": async ({ open, url }) => {
    const page = await open("retained-runs", { javaScriptEnabled: false });
    await page.getByRole("link", { name: "300-linux" }).click();
    await page.getByRole("link", { name: "Compare with the run before" }).click();
    await page.getByText("8 added").waitFor();
    await page.getByRole("link", { name: /^\d+ logs?$/ }).click();
    await page.getByRole("link", { name: "logs/gfx94X-dcgpu/build.log", exact: true }).click();
    await page.getByText("Process completed with exit code 1.").waitFor();
    await page.getByRole("link", { name: "Older" }).click();
    await page.getByText("[200/600]").waitFor();
    await page.getByRole("link", { name: "Start" }).click();
    await page.getByText("Configure").waitFor();
    await page.getByRole("link", { name: "Problems" }).click();
    await page.getByText("ninja: build stopped").click();
    await page.waitForURL(/\?at=\d+#b=\d+$/);
    assert(page.url().startsWith(`${url}${LOG_PAGE}?at=`));
    assert.equal(
      await page.locator(".row:target").innerText(),
      "ninja: build stopped: subcommand failed.",
    );
    await page.getByRole("searchbox").fill("exit code");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await page.getByText("1 line, 1 file with").waitFor();
  },

  "nothing hinders those who cannot see or use a mouse (WCAG 2.2 AA, by axe)": async ({ open }) => {
    const axe = await Deno.readTextFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")));
    for (const [name, path] of Object.entries(PAGES)) {
      for (const colorScheme of ["light", "dark"] as const) {
        // The colours are the same on all pages.
        if (colorScheme === "dark" && !["runs", "run", "log-start", "search"].includes(name)) {
          continue;
        }
        // The policy would not let the checker in.
        const page = await open(path, { colorScheme, bypassCSP: true });
        await page.evaluate(axe);
        const violations = await page.evaluate(`axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a",
          "wcag21aa", "wcag22aa"], iframes: false }).then(({ violations }) =>
          violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
            id + ": " + html.slice(0, 200) + ": " + failureSummary)))`);
        assert.deepEqual(violations, [], `${name}, ${colorScheme}`);
        await page.context().close();
      }
    }
  },

  pictures: async ({ open }) => {
    if (SCREENSHOTS === undefined) return;
    await Deno.mkdir(SCREENSHOTS, { recursive: true });
    for (const [name, path] of Object.entries(PAGES)) {
      for (const width of [360, 1280]) {
        for (const colorScheme of ["light", "dark"] as const) {
          const page = await open(path, { colorScheme, viewport: { width, height: 800 } });
          await page.waitForLoadState("networkidle");
          const height = await page.evaluate("document.documentElement.scrollWidth");
          assert(height as number <= width, `${name} is ${height} wide at ${width}`);
          const at = join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`);
          await page.screenshot({ path: at, fullPage: true });
          await page.context().close();
        }
      }
    }
  },
};
