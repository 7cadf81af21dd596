/** The pages of the service: what browsers get, that names do nothing, that links lead somewhere. */

import assert from "node:assert/strict";
import { uriEncodeKey } from "../../../src/layout/output_location.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { changed } from "../../support/changed_backend.ts";
import { assertGolden } from "../../support/golden.ts";
import { hugeFile, numberedLines } from "../../support/huge_file.ts";
import { putRun, rootOf } from "../../support/retained.ts";
import { type Answer, startService, type TestService } from "../../support/service.ts";
import { ATTACKS, putServiceWorld } from "../../support/service_world.ts";
import { tempDir } from "../../support/temp_dir.ts";

const HTML = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

async function page(service: TestService, path: string): Promise<Answer> {
  return await service.ask(path, { headers: HTML });
}

async function inWorld(
  fn: (service: TestService, backend: LocalBackend) => Promise<void>,
  basePath = "/",
): Promise<void> {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putServiceWorld(backend);
  await using service = await startService({ backend, dir: temp.path, basePath });
  await fn(service, backend);
  assert.deepEqual(service.log, []);
}

/** The values of an attribute, decoded. */
function attributes(html: string, name: string): string[] {
  const found = html.matchAll(new RegExp(` ${name}="([^"]*)"`, "g"));
  return [...found].map(([, value]) =>
    value.replace(
      /&(?:quot|#39|lt|gt|amp);/g,
      (entity) =>
        ({ "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&" })[entity]!,
    )
  );
}

/** All tags of a page, with what is inside of them. */
function tags(html: string): string[] {
  return [...html.matchAll(/<[a-z!/][^>"]*(?:"[^"]*"[^>"]*)*>/gi)].map(([tag]) => tag);
}

Deno.test("pages: every link of every page answers, with a strict policy and no inline code", async () => {
  for (const basePath of ["/", "/ci"]) {
    await inWorld(async (service) => {
      const start = basePath === "/" ? "/" : `${basePath}/`;
      const origin = `http://127.0.0.1:${service.port}`;
      const seen = new Set([`${start}retained-runs`, `${start}retained-runs?limit=2&q=l`]);
      let pages = 0;
      for (const path of seen) {
        const { status, headers, text } = await page(service, path);
        const isRedirect = status >= 300 && status < 400;
        // No run may be eligible.
        const isLatest = path.includes("/latest?") && status === 404;
        assert(
          status === 200 || isRedirect || isLatest,
          `${path}: ${status} ${text.slice(0, 300)}`,
        );
        if (!headers.get("content-type")?.startsWith("text/html")) continue;
        // What builds have written is not ours.
        const isStored = /\/(?:u\/[^/]+|files|reports)\//.test(path.replace(/\?.*/, ""));
        if (isStored) continue;
        pages++;
        assert.match(
          headers.get("content-security-policy")!,
          /default-src 'none'; script-src 'self'/,
        );
        assert.equal(headers.get("x-content-type-options"), "nosniff");
        for (const tag of tags(text)) {
          assert.doesNotMatch(
            tag.replace(/"[^"]*"/g, '""'),
            /\s(?:style|on\w+)=/i,
            `${path}: ${tag}`,
          );
        }
        assert.doesNotMatch(text, /<script(?! defer src="[^"]*assets\/\w+\.js"><\/script>)/);
        assert.doesNotMatch(text, /<style|<img|<base|<meta http-equiv|javascript:/);
        const links = [...attributes(text, "href"), ...attributes(text, "src")];
        for (const link of [...links, ...attributes(text, "action")]) {
          assert(/^(?:\.{1,2}\/|[?#]|https:\/\/github\.com\/)/.test(link), `${path}: ${link}`);
        }
        // Places in a log lead to more places in it, without end.
        if (path.includes("?at=")) continue;
        for (const link of links) {
          if (link.startsWith("https:")) continue;
          const { pathname, search } = new URL(link, origin + path);
          assert(pathname.startsWith(start), `${path}: ${link}`);
          // One page of each list, and one log, is enough of those.
          if (!search.includes("cursor=") || !path.includes("cursor=")) seen.add(pathname + search);
        }
        assert(seen.size < 500, [...seen].slice(-20).join("\n"));
      }
      assert(pages > 25, `${pages} pages`);
    }, basePath);
  }
});

Deno.test("files page: a later page has a link to the first one", async () => {
  await inWorld(async (service) => {
    const path = "/retained-runs/300-linux/files";
    const first = await page(service, `${path}?kind=log&limit=1`);
    assert(!first.text.includes("First page"));
    const next = attributes(first.text, "href").find((href) => href.includes("cursor="))!;
    const later = await page(service, `${path}${next.replaceAll("&amp;", "&")}`);
    assert.match(later.text, /href="\?kind=log&amp;limit=1">First page</);
  });
});

Deno.test("pages: hostile names are shown, and are nothing but text", async () => {
  await inWorld(async (service) => {
    const files = await page(service, "/retained-runs/300-linux/files?kind=log");
    for (const name of ATTACKS) {
      const shown = name.replace(
        /[\u202e\u2066]/g,
        (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase()}]`,
      );
      const escaped = shown.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
        .replace(/"/g, "&quot;").replace(/'/g, "&#39;");
      assert(files.text.includes(`<bdi>logs/gfx94X-dcgpu/${escaped}</bdi>`), escaped);
      const path = `/retained-runs/300-linux/view/logs/gfx94X-dcgpu/${uriEncodeKey(name)}`;
      const { status, text } = await page(service, path);
      assert.equal(status, 200, `${path}: ${text}`);
      assert(text.includes(`<h1><bdi>logs/gfx94X-dcgpu/${escaped}</bdi></h1>`));
      assert.doesNotMatch(text, /[\u202e\u2066]/);
    }
    const { text } = await page(service, "/retained-runs/evil-repo~12-linux");
    assert(text.includes("&lt;b&gt;no hash&lt;/b&gt;"));
    // What does not look like a repository is no link.
    assert.doesNotMatch(text, /github\.com/);
    assert.doesNotMatch(text, /<script>|<img/);
    const search = `/retained-runs/300-linux/search?q=${encodeURIComponent(`"><script>x`)}`;
    assert((await page(service, search)).text.includes("&quot;&gt;&lt;script&gt;x"));
  });
});

Deno.test("pages: browsers get HTML, programs get JSON, and caches know it", async () => {
  await inWorld(async (service) => {
    for (
      const path of ["retained-runs", "retained-runs/300-linux", "retained-runs/300-linux/files"]
    ) {
      const html = await page(service, `/${path}`);
      assert.equal(html.headers.get("content-type"), "text/html; charset=utf-8");
      assert.match(html.headers.get("vary")!, /\baccept\b(?!-)/);
      for (const accept of ["*/*", "application/json", "application/json, text/html;q=0.9"]) {
        const { headers } = await service.ask(`/${path}`, { headers: { accept } });
        assert.equal(headers.get("content-type"), "application/json");
        assert.match(headers.get("vary")!, /\baccept\b(?!-)/);
      }
      const head = await service.ask(`/${path}`, { method: "HEAD", headers: HTML });
      assert.equal(head.headers.get("content-length"), html.headers.get("content-length"));
    }
    const missing = await page(service, "/retained-runs/9-linux/view/a.log");
    assert.equal(missing.status, 404);
    assert(missing.text.includes("<h1>Not found</h1>"));
    const ambiguous = await page(service, "/nothing/here?x=<script>");
    assert.equal(ambiguous.status, 404);
    await assertGolden("pages/not_found.html", ambiguous.text.replace(/[0-9a-f]{16}/g, "HASH"));
  });
});

Deno.test("pages: assets are named by their content and never change", async () => {
  await inWorld(async (service) => {
    const { text } = await page(service, "/retained-runs");
    const assets = [...attributes(text, "href"), ...attributes(text, "src")]
      .filter((link) => link.includes("assets/"));
    assert.equal(assets.length, 3);
    for (const asset of assets) {
      const { status, headers, text } = await page(service, asset.slice(1));
      assert.equal(status, 200);
      assert.match(headers.get("cache-control")!, /immutable/);
      if (asset.endsWith(".js")) new Function(text);
    }
    assert.equal((await page(service, "/assets/0123456789abcdef.js")).status, 404);
  });
});

Deno.test("runs page: filters, also empty ones, are in the address; wrong ones are explained", async () => {
  await inWorld(async (service) => {
    const keys = async (query: string) => {
      const { text } = await page(service, `/retained-runs?${query}`);
      return [...text.matchAll(/<td class="main"><a href="[^"]*"><bdi>([^<]*)/g)].map(([, key]) =>
        key
      );
    };
    assert.deepEqual(await keys("q=&repo=&platform=linux&completeness=complete"), ["300-linux"]);
    assert.deepEqual(await keys("repo=ROCm%2FTheRock&since="), [
      "301-windows",
      "300-linux",
      "299-linux",
      "7-linux",
    ]);
    const first = await page(service, "/retained-runs?limit=2&platform=linux");
    const next = attributes(first.text, "href").find((link) => link.includes("cursor="))!;
    assert.deepEqual(await keys(next.slice(1)), ["evil-repo~12-linux", "7-linux"]);
    assert((await page(service, `/retained-runs${next}`)).text.includes("First page"));
    const latest = attributes(first.text, "href").find((link) => link.includes("latest"))!;
    assert.equal(latest, "./retained-runs/latest?platform=linux");
    const { status, headers } = await page(service, latest.slice(1));
    assert.deepEqual([status, headers.get("location")], [303, "../retained-runs/300-linux"]);
    const none = await page(service, "/retained-runs?q=nothing");
    assert(none.text.includes("No run matches the filters."));
    assert(none.text.includes(`value="nothing"`));
    const wrong = await page(service, "/retained-runs?commit=%22%3E%3Cb%3E");
    assert.equal(wrong.status, 400);
    assert(wrong.text.includes("expected 4 or more hex digits"));
    assert(wrong.text.includes(`name="commit" value="&quot;&gt;&lt;b&gt;"`));
  });
});

Deno.test("runs page: a search that ends early says how many runs it searched, and goes on", async () => {
  const inner = new MemoryBackend();
  for (let id = 1; id <= 100; id++) await putRun(inner, `${id}-linux`, { files: ["a.txt"] });
  const clock = performance.now.bind(performance);
  let isOver = false;
  // The time of a search is over when it has looked into the first runs.
  const backend = changed(inner, {
    async *list(prefix, options) {
      isOver = true;
      yield* inner.list(prefix, options);
    },
  });
  performance.now = () => clock() + (isOver ? 10_000 : 0);
  try {
    await using service = await startService({ backend });
    const { text } = await page(service, "/retained-runs?q=zzz");
    assert.match(
      text,
      /Searched \d+ runs\. <\/span><a class="button" rel="next" href="\?q=zzz&amp;cursor=[^"]+">Search on/,
    );
    assert(!text.includes("No run matches"));
  } finally {
    performance.now = clock;
  }
});

Deno.test("run page: state, reports, commands and the difference from the run before", async () => {
  await inWorld(async (service) => {
    const bad = await page(service, "/retained-runs/301-windows");
    assert(bad.text.includes("This run is incomplete"));
    assert(bad.text.includes("An upload is in progress, was killed or failed"));
    const { text } = await page(service, "/retained-runs/300-linux");
    assert(text.indexOf("<h2>Reports") < text.indexOf("<h2>Files"));
    assert(text.includes("https://github.com/ROCm/TheRock/actions/runs/300"));
    assert(text.includes(`http://127.0.0.1:${service.port}/retained-runs/300-linux/files/PATH`));
    assert(!text.includes("added"));
    const diff = await page(service, "/retained-runs/300-linux?diff=before");
    for (const part of ["299-linux", "8 added", "1 removed", "1 changed", "1 same", "old.txt"]) {
      assert(diff.text.includes(part), part);
    }
    const own = await page(service, "/retained-runs/300-linux?diff=300-linux");
    assert(own.text.includes("0 B") && !own.text.includes("added"));
    assert.equal((await page(service, "/retained-runs/300-linux?diff=1-linux")).status, 404);
    const first = await page(service, "/retained-runs/7-linux?diff=before");
    assert(first.text.includes("No run before this one"));
  });
});

Deno.test("run page: with a token, the commands send it; one file is '1 file'", async () => {
  const backend = new MemoryBackend();
  await putRun(backend, "1-linux", { files: ["a.txt"] });
  await using open = await startService({ backend });
  assert.doesNotMatch((await page(open, "/retained-runs/1-linux")).text, /TOKEN|token-file/);
  const token = "0123456789abcdef0123456789abcdef";
  await using service = await startService({ backend, token });
  const send = { headers: { authorization: `Bearer ${token}`, accept: "text/html" } };
  const { text } = await service.ask("/retained-runs/1-linux", send);
  const commands = [...text.matchAll(/<pre data-root[^>]*>([^<]*)</g)].map(([, command]) =>
    command.replaceAll(/&quot;|&#34;/g, '"')
  );
  const header = '"Authorization: Bearer $TOKEN"';
  const starts = [
    `run-outputs fetch --server http://127.0.0.1:${service.port}/ --server-token-file FILE `,
    `curl -H ${header} -C - -O http`,
    `wget --header ${header} -r `,
    `curl -H ${header} -s `,
  ];
  assert.equal(commands.length, starts.length);
  for (const [i, start] of starts.entries()) assert(commands[i].startsWith(start), commands[i]);
  assert(!text.includes(token));
  const runs = await service.ask("/retained-runs", send);
  assert.match(runs.text, /title="1 file"/);
});

Deno.test("run page: of a bucket, and of another repository's run", async () => {
  const backend = new MemoryBackend();
  await putRun(backend, "1-linux", { files: ["a.txt"] });
  await putRun(backend, "a-b~2-linux", { files: ["a.txt"] });
  await using service = await startService({ backend });
  const { text } = await page(service, "/retained-runs/1-linux");
  const fetch = `run-outputs fetch --server http://127.0.0.1:${service.port}/ --run-id`;
  assert(text.includes(`${fetch} 1 --platform linux`), text);
  const external = await page(service, "/retained-runs/a-b~2-linux");
  assert(external.text.includes(`${fetch} a-b~2-linux --platform linux`));
});

Deno.test("report page: the frame is below a path that nobody can guess", async () => {
  await inWorld(async (service) => {
    const path = "/retained-runs/300-linux/view/logs/gfx94X-dcgpu/report.html";
    const { text, headers } = await page(service, path);
    const [frame] = attributes(text, "src").filter((src) => src.includes("/u/"));
    assert.match(
      frame,
      /^(?:\.\.\/)+u\/\d+\.[\w-]{43}\/300-linux\/logs\/gfx94X-dcgpu\/report\.html$/,
    );
    assert.equal(headers.get("cache-control"), "no-store");
    assert(!text.includes("allow-same-origin"));
    const { pathname } = new URL(frame, `http://h${path}`);
    const inside = await service.ask(pathname);
    assert.equal(inside.status, 200);
    assert.match(inside.headers.get("content-security-policy")!, /^sandbox allow-scripts/);
    assert.equal((await page(service, path.replace("report", "missing"))).status, 404);
  });
});

Deno.test("view: what is not text is not shown, and offered as a download", async () => {
  await inWorld(async (service) => {
    for (const file of ["300-linux/view/blas_lib_gfx942.tar.zst", "7-linux/view/image.bin"]) {
      const { status, text } = await page(service, `/retained-runs/${file}`);
      assert.equal(status, 200);
      assert(text.includes("it is not text"));
    }
    const text = await page(service, "/retained-runs/7-linux/view/image.bin?text=true");
    assert(text.text.includes(`<span class="tx">image.bin</span>`));
    const empty = await page(service, "/retained-runs/300-linux/view/logs/gfx94X-dcgpu/empty.log");
    assert(empty.text.includes("This file is empty."));
  });
});

Deno.test("log page: colours, times, groups and long rows", async () => {
  await inWorld(async (service) => {
    const path = "/retained-runs/300-linux/view/logs/gfx94X-dcgpu/build.log";
    const { text } = await page(service, `${path}?at=0`);
    assert(text.includes(`data-marker="group"`));
    assert(text.includes(`<time class="ts">2026-11-20T12:00:00.0000000Z </time>Configure`));
    assert(
      text.includes(`<span class="ansi-fg-2">[1/3]</span> Building <span class="ansi-bold">blas`),
    );
    assert(text.includes("&lt;script&gt;alert(3)&lt;/script&gt;"));
    assert(text.includes(`<span class="ansi-fg-208">warning:</span>`));
    assert.match(text, /<details class="more"><summary>14,384 more characters<\/summary>/);
    assert(text.includes(`id="L45" data-n="45"`));
    assert(text.includes(`data-continued=""`));
    const json = await service.ask(`${path}?at=0&count=3`);
    assert.deepEqual(JSON.parse(json.text).rows[1], {
      at: 48,
      line: 2,
      time: "2026-11-20T12:00:01.0000000Z",
      parts: [["-- Looking for part 0", ""]],
    });
    const { etag } = JSON.parse(json.text);
    const counted = await service.ask(`${path}?back=true&count=1&number=true&etag=${etag}`);
    assert.equal(JSON.parse(counted.text).counted, true);
    assert.equal(JSON.parse(counted.text).rows[0].line, 679);
    const replaced = await service.ask(`${path}?at=0&etag=other`);
    assert.equal(replaced.status, 409);
    assert.equal(JSON.parse(replaced.text).type, "urn:run-outputs:file-changed");
    for (const query of ["at=99999999", "line=0", "count=9999", "att=1"]) {
      assert.equal((await page(service, `${path}?${query}`)).status, 400, query);
    }
    assert.equal((await page(service, `${path}?line=9999`)).status, 404);
  });
});

Deno.test("log page: the end of 200 MB costs one small read, and no line is counted", async () => {
  const location = rootOf("1-linux").file("logs/g/build.log");
  const { backend, reads } = hugeFile(location, 200_000_000, numberedLines);
  await backend.write(rootOf("1-linux").file("a.txt"), bytesSource("a"));
  await using service = await startService({ backend });
  const path = "/retained-runs/1-linux/view/logs/g/build.log";
  const { status, text } = await page(service, path);
  assert.equal(status, 200, text);
  assert(text.includes(">2000000 xxx"));
  assert.equal(text.match(/class="row"/g)?.length, 300);
  const sum = reads.reduce((a, b) => a + b, 0);
  assert(sum <= 128 * 1024, `${sum} bytes were read`);
  reads.length = 0;
  const middle = await page(service, `${path}?at=100000000`);
  assert(middle.text.includes(">1000001 xxx"));
  assert(reads.reduce((a, b) => a + b, 0) <= 128 * 1024, String(reads));
  // It is too large to be counted for everybody who looks at it in a bucket.
  assert(text.includes(`data-count="no"`));
});

Deno.test("search page: matches of all logs lead to their lines, pages go on", async () => {
  await inWorld(async (service) => {
    const { text } = await page(service, "/retained-runs/300-linux/search?problems=true");
    assert(text.includes("4 lines"));
    assert(text.includes("<mark>ninja: build stopped</mark>"));
    const link = attributes(text, "href").find((href) => href.includes("#b="))!;
    const { pathname, search, hash } = new URL(link, "http://h/retained-runs/300-linux/search");
    const target = await page(service, pathname + search);
    assert(target.text.includes(`id="${hash.slice(1)}"`));
    const some = await page(service, "/retained-runs/300-linux/search?q=Building&limit=100");
    assert(some.text.includes("Search on"));
    const wrong = await page(service, "/retained-runs/300-linux/search?q=(&regex=true");
    assert.equal(wrong.status, 400);
    assert(
      (await page(service, "/retained-runs/300-linux/search?q=zzzz")).text.includes("No line"),
    );
  });
});

Deno.test("login page: it has the look of the others, and says what was wrong", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putRun(backend, "1-linux", { files: ["a.txt"] });
  const token = "0123456789abcdef0123456789abcdef";
  await using service = await startService({ backend, dir: temp.path, token });
  const first = await page(service, "/login");
  assert.equal(first.status, 200);
  const [style] = attributes(first.text, "href").filter((href) => href.endsWith(".css"));
  assert.equal((await page(service, style.slice(1))).status, 200);
  const wrong = await service.ask("/login", {
    method: "POST",
    headers: {
      ...HTML,
      origin: `http://127.0.0.1:${service.port}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: "token=wrong",
  });
  assert(wrong.status >= 400, `${wrong.status}`);
  assert(wrong.text.includes(`role="alert"`));
  assert.equal(wrong.headers.get("referrer-policy"), "same-origin");
});
