/** Answers that no S3 server gives: of proxies, of broken servers, of somebody who means harm. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import type { S3BackendOptions } from "../../../src/storage/s3/settings.ts";
import { rejectsWith } from "../../support/errors.ts";
import { DEEP } from "../../support/hostile_json.ts";
import { testOptions } from "../../support/s3_subject.ts";

const DIR = new OutputLocation("suite", "1-linux");
const AT = DIR.join("a");
const HOST = "s3.example";
const RETRY = { maxAttempts: 8, baseDelay: 1, maxDelay: 2 };

/** A backend whose every request is answered by a function; tells how often it was asked. */
async function answeredBy(
  answer: (url: URL, init: RequestInit) => Response,
  options: S3BackendOptions = {},
): Promise<{ readonly backend: S3Backend; readonly asked: URL[] }> {
  const asked: URL[] = [];
  const backend = await createS3Backend(testOptions(`http://${HOST}`, {
    retry: RETRY,
    fetch: (input, init) => {
      const url = new URL(`${input}`);
      asked.push(url);
      return Promise.resolve(answer(url, init!));
    },
    ...options,
  }));
  return { backend, asked };
}

function entry(key: string, more: Readonly<Record<string, string>> = {}): string {
  const members = {
    Key: key,
    LastModified: "2026-01-01T00:00:00.000Z",
    ETag: "&quot;1&quot;",
    Size: "1",
    ...more,
  };
  const xml = Object.entries(members).map(([name, value]) => `<${name}>${value}</${name}>`);
  return `<Contents>${xml.join("")}</Contents>`;
}

function list(entries: string, next?: string): string {
  const more = next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return `<?xml version="1.0"?><ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>` +
    `${more}${entries}</ListBucketResult>`;
}

const read = (backend: S3Backend) => Array.fromAsync(backend.list(DIR));

for (
  const [what, more] of Object.entries({
    "a negative size": { Size: "-5" },
    "a size that is no number": { Size: "abc" },
    "a size with a fraction": { Size: "1.5" },
    "a size beyond all": { Size: "99999999999999999999" },
    "a size with an exponent": { Size: "1e3" },
    "a hexadecimal size": { Size: "0x10" },
    "a size that is blank": { Size: " " },
    "an empty size": { Size: "" },
  })
) {
  Deno.test(`s3, list: ${what} is an error that names the server`, async () => {
    const { backend } = await answeredBy(() => new Response(list(entry("1-linux/a", more))));
    await rejectsWith(
      read(backend),
      "failed",
      `list of ${HOST} is wrong`,
      '"1-linux/a" has no size',
    );
    backend[Symbol.dispose]();
  });
}

Deno.test("s3, list: a key outside of the prefix is an error that names the server", async () => {
  const objects = ["2-linux/a", "1-linux-evil/a", "1-linux", "1-linu", "", "0", "\u{1f600}"];
  for (const key of objects) {
    const { backend } = await answeredBy(() => new Response(list(entry(key))));
    for (const recursive of [true, false]) {
      await rejectsWith(
        Array.fromAsync(backend.list(DIR, { recursive })),
        "failed",
        `list of ${HOST} is wrong`,
        `${JSON.stringify(key)} is not below "1-linux/"`,
      );
    }
    backend[Symbol.dispose]();
  }
  // As a directory, among right ones.
  const prefixes = ["1-linux/a/", "2-linux/"].map((prefix) =>
    `<CommonPrefixes><Prefix>${prefix}</Prefix></CommonPrefixes>`
  );
  const { backend } = await answeredBy(() => new Response(list(prefixes.join(""))));
  await rejectsWith(
    Array.fromAsync(backend.children(DIR)),
    "failed",
    `"2-linux/" is not below "1-linux/"`,
  );
  backend[Symbol.dispose]();
});

Deno.test("s3, list: a repeated key is listed once, also across pages", async () => {
  const { backend } = await answeredBy((url) =>
    new Response(
      url.searchParams.has("continuation-token")
        ? list(entry("1-linux/b") + entry("1-linux/c"))
        : list(entry("1-linux/a") + entry("1-linux/a") + entry("1-linux/b"), "2"),
    )
  );
  const keys = (await read(backend)).map(({ location }) => location.name);
  assert.deepEqual(keys, ["a", "b", "c"]);
  backend[Symbol.dispose]();
});

Deno.test("s3, list: keys out of order are an error that names the server", async () => {
  const pages = [
    [list(entry("1-linux/b") + entry("1-linux/a"))],
    [list(entry("1-linux/b"), "2"), list(entry("1-linux/a"))],
    // By UTF-16 it would be the other way round.
    [list(entry("1-linux/\u{1f600}") + entry("1-linux/\uffee"))],
  ];
  for (const bodies of pages) {
    const { backend } = await answeredBy((url) =>
      new Response(bodies[url.searchParams.has("continuation-token") ? 1 : 0])
    );
    await rejectsWith(read(backend), "failed", HOST, "comes after");
    backend[Symbol.dispose]();
  }
});

Deno.test("s3, stat: a length that is not written in digits is not an object's", async () => {
  for (const length of ["1e3", "0x10", "1.0", "-0", "5, 5"]) {
    const { backend } = await answeredBy(() =>
      new Response(null, {
        headers: {
          etag: '"1"',
          "last-modified": new Date(0).toUTCString(),
          "content-length": length,
        },
      }), { retry: { ...RETRY, maxAttempts: 1 } });
    await rejectsWith(backend.stat(AT), "transient", "without an object's ETag, date and size");
    backend[Symbol.dispose]();
  }
});

Deno.test("s3, list: pages that repeat or are always empty end with an error", async () => {
  let count = 0;
  const cases: Readonly<Record<string, () => Response>> = {
    "its pages repeat": () => new Response(list("", `token-${++count % 2}`)),
    "100 pages in a row are empty": () => new Response(list("", `token-${++count}`)),
    "no token for the next page": () => new Response(list("", "").replace(/<Next.*<.Next\w+>/, "")),
  };
  for (const [reason, answer] of Object.entries(cases)) {
    count = 0;
    const { backend, asked } = await answeredBy(answer);
    await rejectsWith(read(backend), "failed", HOST, reason);
    assert(asked.length <= 100, `${asked.length} requests`);
    backend[Symbol.dispose]();
  }
});

Deno.test("s3, list: pages of unfinished uploads that repeat end with an error", async () => {
  const { backend, asked } = await answeredBy(() =>
    new Response(
      "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>" +
        "<NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>",
    )
  );
  await rejectsWith(Array.fromAsync(backend.listStaleUploads(DIR)), "failed", "its pages repeat");
  assert.equal(asked.length, 2);
  backend[Symbol.dispose]();
});

Deno.test("s3, list: XML that the parser can't read is not a network error", async () => {
  const deep = DEEP.replaceAll("[", "<a>").replaceAll("]", "</a>");
  for (
    const body of [
      list(deep),
      list(entry("1-linux/a", { LastModified: "x" })),
      list(entry("1-linux/a", { Size: "<a>1</a>" })),
      list(entry("<a><b>1</b></a>")),
      list(deep).replaceAll("<a>", '<a b="c">'),
    ]
  ) {
    const { backend, asked } = await answeredBy(() => new Response(body));
    await rejectsWith(
      read(backend),
      "transient",
      "is not from an S3 server: XML that can't be read",
      "--endpoint-url",
    );
    assert.equal(asked.length, 4, "a few attempts");
    backend[Symbol.dispose]();
  }
});

/** A body without an end; tells how much was taken of it. */
function endless(head = ""): { readonly body: ReadableStream; taken: number } {
  const chunk = new TextEncoder().encode(head.padEnd(64 * 1024));
  const self = {
    taken: 0,
    body: new ReadableStream({
      type: "bytes",
      pull(controller) {
        self.taken += chunk.length;
        controller.enqueue(chunk.slice());
      },
    }),
  };
  return self;
}

const CALLS: Readonly<Record<string, (backend: S3Backend) => Promise<unknown>>> = {
  stat: (backend) => backend.stat(AT),
  read: (backend) => backend.read(AT),
  list: read,
  write: (backend) => backend.write(AT, bytesSource("hello")),
  delete: (backend) => backend.delete(AT),
  "listStaleUploads": (backend) => Array.fromAsync(backend.listStaleUploads(DIR)),
};

for (const [name, call] of Object.entries(CALLS)) {
  Deno.test(`s3: ${name}() reads no more than 64 KiB of an error's body`, async () => {
    const bodies: { taken: number }[] = [];
    const { backend } = await answeredBy((_, { method }) => {
      if (method === "HEAD") return new Response(null, { status: 403 });
      const one = endless("<Error><Code>AccessDenied</Code></Error>");
      bodies.push(one);
      return new Response(one.body, { status: 403 });
    });
    await rejectsWith(call(backend), "denied", "access denied");
    assert(bodies.length > 0);
    for (const { taken } of bodies) assert(taken <= 4 * 64 * 1024, `${taken} bytes`);
    backend[Symbol.dispose]();
  });
}

Deno.test("s3: successful responses have a limit too", async () => {
  for (const call of [CALLS.list, CALLS.write, CALLS.delete]) {
    const bodies: { taken: number }[] = [];
    const { backend } = await answeredBy((_, { method }) => {
      if (method === "HEAD") return new Response(null, { status: 404 });
      const one = endless("<ListBucketResult>");
      bodies.push(one);
      return new Response(one.body, { headers: { etag: '"1"' } });
    }, { retry: { maxAttempts: 1 } });
    await rejectsWith(call(backend), "transient", "more than 33554432 bytes");
    for (const { taken } of bodies) assert(taken <= 33 * 1024 * 1024, `${taken} bytes`);
    backend[Symbol.dispose]();
  }
});

Deno.test("s3: the time of a server whose clock is more than a day off is not used", async () => {
  for (const days of [2, -2, 3650]) {
    const notices: string[] = [];
    const date = new Date(Date.now() + days * 86_400_000).toUTCString();
    const { backend, asked } = await answeredBy(
      () =>
        new Response("<Error><Code>RequestTimeTooSkewed</Code></Error>", {
          status: 403,
          headers: { date },
        }),
      { onNotice: (notice) => notices.push(notice) },
    );
    const side = days < 0 ? "ahead of" : "behind";
    await rejectsWith(backend.read(AT), "unauthenticated", `minutes ${side} the server's`);
    assert.equal(asked.length, 1);
    assert.deepEqual(notices, []);
    backend[Symbol.dispose]();
  }
});

/** A body of which a byte comes now and then. */
function dripping(
  every: number,
  size: number,
  signal?: AbortSignal | null,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let timer: ReturnType<typeof setInterval>;
  let sent = 0;
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      timer = setInterval(() => {
        controller.enqueue(new Uint8Array([32]));
        if (++sent < size) return;
        clearInterval(timer);
        controller.close();
      }, every);
      signal?.addEventListener("abort", () => {
        clearInterval(timer);
        controller.error(signal.reason);
      }, { once: true });
    },
    cancel: () => clearInterval(timer),
  });
}

const OBJECT = { etag: '"1"', "last-modified": new Date(0).toUTCString() };

Deno.test("s3: a body of which a byte comes now and then is given up", async () => {
  const quick = { stallTimeout: 200, retry: { ...RETRY, maxAttempts: 2 } };
  const size = 1_000_000;
  const { backend } = await answeredBy((_, { headers, signal }) => {
    const range = new Headers(headers).get("range");
    const start = Number(/bytes=(\d+)/.exec(range ?? "")?.[1] ?? 0);
    return new Response(dripping(60, size, signal), {
      status: range === null ? 200 : 206,
      headers: {
        ...OBJECT,
        "content-length": `${size - start}`,
        "content-range": `bytes ${start}-${size - 1}/${size}`,
      },
    });
  }, quick);
  const readAll = async () => {
    await using body = await backend.read(AT);
    for await (const _ of body);
  };
  await rejectsWith(readAll(), "transient", "stopped responding");
  backend[Symbol.dispose]();

  const other = await answeredBy(
    (_, { signal }) => new Response(dripping(60, size, signal)),
    quick,
  );
  await rejectsWith(read(other.backend), "transient", "stopped responding");
  other.backend[Symbol.dispose]();
});

Deno.test("s3: a small body that comes slowly is read", async () => {
  const size = 20;
  const { backend } = await answeredBy(
    () => new Response(dripping(10, size), { headers: { ...OBJECT, "content-length": `${size}` } }),
    { stallTimeout: 10_000 },
  );
  await using body = await backend.read(AT);
  let count = 0;
  for await (const chunk of body) count += chunk.length;
  assert.equal(count, size);
  backend[Symbol.dispose]();
});
