/**
 * An S3 server in this process: `fauxqs`, with the promises of S3 that it leaves out.
 *
 * Those are: a write with `If-None-Match: *` fails where something is, one with `If-Match` where
 * something else is; a body whose hash is not the signed one or that of its header is refused; the time of a signature is
 * looked at, where a clock is given; a list is in the order of the keys' bytes (fauxqs: of the
 * locale); multipart uploads and their parts can be listed.
 * Signatures are not checked here: for that there is Ceph.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { buildApp } from "fauxqs";
import { compareKeys } from "../../src/layout/compare_keys.ts";
import { addMultipartLists } from "./multipart_lists.ts";

/** Options of {@linkcode startS3Server}. */
export interface S3ServerOptions {
  /** Be as lenient as older servers are: conditions and checksums are ignored. */
  readonly lenient?: boolean;
  /** Compare etags without their quotes when something is written, as Ceph does. */
  readonly bareEtags?: boolean;
  /** Tell no etag of what was just made of parts, as Ceph does. */
  readonly unnamedParts?: boolean;
  /** How far its clock is ahead, in milliseconds. */
  readonly clock?: number;
  /** How long each answer takes at least, in milliseconds. */
  readonly latency?: () => number;
  /** Gets each request: method and path with query. Default: a list of the server's own. */
  readonly log?: string[];
}

/** A server that runs. */
export interface S3Server extends AsyncDisposable {
  /** Its URL. */
  readonly url: string;
  /** Each request so far: method and path with query. */
  readonly requests: readonly string[];
  /** Who signed each request: the id of the access key, empty if nobody did. */
  readonly signers: readonly string[];
}

/** Marks the server's own questions. */
const OWN = "x-test-own";

/** Starts a server with one bucket, `suite`. */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const app = buildApp({ logger: false });
  const requests = options.log ?? [];
  const signers: string[] = [];
  const writing = new Set<string>();
  app.addHook("preHandler", async (request, reply) => {
    // A question of the server's own is nobody's request.
    if (request.headers[OWN] !== undefined) return;
    requests.push(`${request.method} ${request.url}`);
    const latency = options.latency?.() ?? 0;
    if (latency > 0) await new Promise((resolve) => setTimeout(resolve, latency));
    const { authorization = "", "x-amz-security-token": token } = request.headers;
    const id = /Credential=([^/]+)\//.exec(authorization)?.[1] ?? "";
    // Temporary keys of these tests come with a token that names them.
    signers.push(token === undefined || token === `token-of-${id}` ? id : `${id} with ${token}`);
    if (options.clock !== undefined) {
      const now = Date.now() + options.clock;
      reply.header("date", new Date(now).toUTCString());
      const off = Math.abs(now - readDate(request.headers["x-amz-date"]));
      if (off > 15 * 60_000) return refuse(reply, 403, "RequestTimeTooSkewed");
    }
    if (options.lenient || (request.method !== "PUT" && request.method !== "POST")) return;
    const { "if-none-match": absent, "if-match": match, "x-amz-content-sha256": signed } =
      request.headers;
    const body = request.body instanceof Uint8Array ? request.body : Buffer.alloc(0);
    if (typeof signed === "string" && /^[0-9a-f]{64}$/.test(signed)) {
      const actual = createHash("sha256").update(body).digest("hex");
      if (actual !== signed) return refuse(reply, 400, "XAmzContentSHA256Mismatch");
    }
    const checksum = request.headers["x-amz-checksum-sha256"];
    if (request.method === "PUT" && checksum !== undefined) {
      const actual = createHash("sha256").update(body).digest("base64");
      if (actual !== checksum) return refuse(reply, 400, "BadDigest");
    }
    if (absent !== "*" && match === undefined) return;
    const url = request.url.replace(/\?.*/, "");
    if (writing.has(url)) return refuse(reply, 409, "ConditionalRequestConflict");
    writing.add(url);
    const head = await app.inject({
      method: "HEAD",
      url: request.url,
      headers: { host: "localhost", [OWN]: "1" },
    });
    const there = head.statusCode === 200;
    const etag = `${head.headers.etag}`.replace(/^"|"$/g, options.bareEtags ? "" : '"');
    if (absent === "*" ? there : !there || etag !== match) {
      writing.delete(url);
      return there ? refuse(reply, 412, "PreconditionFailed") : refuse(reply, 404, "NoSuchKey");
    }
    reply.raw.once("close", () => writing.delete(url));
  });
  addMultipartLists(app);
  app.addHook("onSend", (request, _reply, payload, done) => {
    const isList = request.method === "GET" && request.url.includes("list-type=2");
    if (isList && typeof payload === "string") return done(null, inByteOrder(payload));
    const unnames = options.unnamedParts && request.method === "POST" &&
      typeof payload === "string";
    done(null, unnames ? payload.replace(/<ETag>.*<\/ETag>/s, "<ETag></ETag>") : payload);
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  await app.inject({ method: "PUT", url: "/suite", headers: { host: "localhost" } });
  requests.length = signers.length = 0;
  return { url, requests, signers, [Symbol.asyncDispose]: async () => await app.close() };
}

/** `20260131T235959Z` */
function readDate(text: string | string[] | undefined): number {
  return Date.parse(
    `${text}`.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/, "$1-$2-$3:$4:$5"),
  );
}

interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: string): unknown;
}

function refuse(reply: Reply, status: number, code: string): unknown {
  return reply.status(status).header("content-type", "application/xml")
    .send(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

/** Sorts one page's objects; all lists of the tests that depend on the order have one page. */
function inByteOrder(xml: string): string {
  const pattern = /<Contents>.*?<\/Contents>/gs;
  const entries = xml.match(pattern) ?? [];
  const key = (entry: string) =>
    /<Key>(.*?)<\/Key>/s.exec(entry)![1].replace(
      /&(lt|gt|quot|apos|amp);/g,
      (_, name: string) => ({ lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" })[name]!,
    );
  entries.sort((a, b) => compareKeys(key(a), key(b)));
  let next = 0;
  return xml.replace(pattern, () => entries[next++]);
}
