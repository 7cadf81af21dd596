/**
 * Multipart uploads that never ended: found, described, removed, on a server that lists them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import {
  abortUnfinishedUploads,
  listUnfinishedUploads,
} from "../../../src/operations/stale_uploads.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createUpload } from "../../../src/storage/s3/create_upload.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import { Session } from "../../../src/storage/s3/session.ts";
import { readSettings } from "../../../src/storage/s3/settings.ts";
import { UploadJournal } from "../../../src/storage/s3/upload_journal.ts";
import { sendBody } from "../../../src/storage/s3/send_body.ts";
import { runJson, runs } from "../../support/command_line.ts";
import { testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";
import { sha256 } from "../../support/bytes.ts";
import type { OpenServer } from "./fault_suite.ts";

const IDENTITY = {
  size: 12_000_000,
  partSize: 5 * 1024 ** 2,
  sha256: "0".repeat(64),
  contentType: "application/octet-stream",
  checksums: true,
};

/** A server with what killed processes left on it, and the program that works on it. */
class Case {
  readonly backend: S3Backend;
  readonly root: RunOutputRoot;
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  readonly #bucket: string;
  readonly #session: Session;

  constructor(backend: S3Backend, session: Session, bucket: string, url: string, dir: string) {
    this.backend = backend;
    this.#session = session;
    this.#bucket = bucket;
    this.root = new RunOutputRoot({ bucket, runId: "7", platform: "linux" });
    this.env = {
      AWS_ENDPOINT_URL_S3: url,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "TESTACCESSKEY",
      AWS_SECRET_ACCESS_KEY: "TESTSECRETKEY0123456789",
      XDG_STATE_HOME: dir,
    };
    this.args = [
      ...["stale-uploads", "--run-id", "7", "--platform", "linux", "--bucket", bucket],
      ...["--older-than", "0s"],
    ];
  }

  at(key: string): OutputLocation {
    return new OutputLocation(this.#bucket, key);
  }

  /** Begins an upload that never ends, with as many parts. */
  async begin(key: string, parts = 0): Promise<string> {
    const uploadId = await createUpload(this.#session, this.at(key), {}, undefined);
    for (let number = 1; number <= parts; number++) {
      const body = new Uint8Array(1000 * number);
      const query = { partNumber: `${number}`, uploadId };
      const payloadSha256 = sha256(body);
      const request = { action: "write", method: "PUT" as const, location: this.at(key) };
      await sendBody(this.#session, { ...request, query, body, payloadSha256 }, "", undefined);
    }
    return uploadId;
  }

  /** Notes an upload in this machine's journal. */
  async journal(key: string, uploadId: string): Promise<UploadJournal> {
    const journal = await UploadJournal.open(this.#session, this.at(key));
    journal.begin(uploadId, IDENTITY);
    return journal;
  }

  /** The keys of all uploads in the bucket. */
  async keys(): Promise<string[]> {
    const left = await Array.fromAsync(this.backend.listStaleUploads(this.at("")));
    return left.map(({ key }) => key);
  }
}

/** Registers the tests for a server. */
export function staleUploadsSuite(name: string, open: OpenServer): void {
  const test = (title: string, run: (c: Case) => Promise<void>) =>
    Deno.test(`${name}, stale uploads: ${title}`, async () => {
      await using server = await open();
      await using dir = await tempDir();
      const journalDir = join(dir.path, "run-outputs", "uploads");
      const env = (name: string) =>
        // The bodies of these parts have no checksum to send.
        name === "AWS_REQUEST_CHECKSUM_CALCULATION" ? "WHEN_REQUIRED" : undefined;
      const options = testOptions(server.url, { journalDir, env });
      using session = new Session(await readSettings(options));
      using backend = await createS3Backend(options);
      await run(new Case(backend, session, server.bucket, server.url, dir.path));
    });

  test("all of a run and of no other are listed, with age, parts and bytes", async (c) => {
    await c.begin("7-linux/a.bin", 5);
    await c.begin("7-linux/logs/b & c.log");
    await c.begin("7-linux/z.bin", 1);
    for (const key of ["7-linux-old/a.bin", "77-linux/a.bin", "7-windows/a.bin"]) {
      await c.begin(key);
    }
    await c.backend.write(c.at("7-linux/whole"), bytesSource("whole"));
    const found = await listUnfinishedUploads(c.backend, c.root);
    assert.deepEqual(found.map(({ key, parts, bytes, state }) => [key, parts, bytes, state]), [
      ["7-linux/a.bin", 5, 15_000, "unknown"],
      ["7-linux/logs/b & c.log", 0, 0, "unknown"],
      ["7-linux/z.bin", 1, 1000, "unknown"],
    ]);
    const { initiated } = found[0];
    assert(Math.abs(initiated.getTime() - Date.now()) < 3_600_000, initiated.toISOString());
    assert.deepEqual(await listUnfinishedUploads(c.backend, c.root, { before: initiated }), []);

    const json = await runJson(0, c.args, c.env);
    assert.equal(json.schema, "run-outputs.stale-uploads/1");
    assert.deepEqual([json.count, json.bytes], [3, 16_000]);
    assert.deepEqual(json.uploads.map((u: { outcome: string }) => u.outcome), [
      "listed",
      "listed",
      "listed",
    ]);
    assert.equal(json.uploads[0].upload_id, found[0].uploadId);
    const { out, err } = await runs(0, c.args, c.env);
    assert.match(out, /^\d+ s +5 parts +15\.0 kB .*a\.bin$/m);
    assert.match(out, /^3 unfinished uploads, 16\.0 kB, older than 0s, in s3:\/\/.*\/7-linux$/m);
    assert.equal(err, "note: use --abort to delete them\n");
  });

  test("an empty list is OK; uploads younger than a day are not listed", async (c) => {
    const none = await runs(0, c.args, c.env);
    assert.match(none.out, /^no unfinished uploads older than 0s, in s3:\/\/\S+\/7-linux\n$/);
    assert.equal((await runJson(0, [...c.args, "--abort"], c.env)).count, 0);
    await c.begin("7-linux/a.bin");
    const { out } = await runs(0, [...c.args, "--older-than", "24h", "--abort"], c.env);
    assert.match(
      out,
      /^no unfinished uploads older than 24h, in s3:\S+; 1 younger \(--older-than 0s lists all\)\n$/,
    );
    const young = await runJson(0, [...c.args, "--older-than", "24h"], c.env);
    assert.deepEqual([young.count, young.younger], [0, 1]);
    assert.deepEqual(await c.keys(), ["7-linux/a.bin"]);
  });

  test("--abort removes what is listed, and with --dry-run nothing", async (c) => {
    await c.begin("7-linux/a.bin", 2);
    await c.begin("7-linux/a.bin", 1);
    await c.begin("7-linux-old/a.bin");
    const dry = await runJson(0, [...c.args, "--abort", "--dry-run"], c.env);
    assert.equal(dry.dry_run, true);
    assert.deepEqual(dry.uploads.map((u: { outcome: string }) => u.outcome), [
      "would_abort",
      "would_abort",
    ]);
    assert.equal((await c.keys()).length, 3);
    const { out, err } = await runs(0, [...c.args, "--abort"], c.env);
    assert.match(out, /^deleted +\d+ s +2 parts +3\.0 kB .*a\.bin$/m);
    assert.match(out, /^2 unfinished uploads, 4\.0 kB, 2 deleted, older than 0s/m);
    assert.equal(err, "");
    assert.deepEqual(await c.keys(), ["7-linux-old/a.bin"]);
  });

  test("a resumable upload is reported as such, and its journal is deleted with it", async (c) => {
    const mine = await c.begin("7-linux/mine.bin", 1);
    (await c.journal("7-linux/mine.bin", mine))[Symbol.dispose]();
    const other = await c.begin("7-linux/mine.bin", 1);
    const journals = join(c.env.XDG_STATE_HOME, "run-outputs", "uploads");
    const states = Object.fromEntries(
      (await listUnfinishedUploads(c.backend, c.root)).map((u) => [u.uploadId, u.state]),
    );
    assert.deepEqual(states, { [mine]: "resumable", [other]: "unknown" });
    assert.match((await runs(0, c.args, c.env)).out, / resumable +mine\.bin$/m);
    assert.equal((await Array.fromAsync(Deno.readDir(journals))).length, 1);
    await runs(0, [...c.args, "--abort"], c.env);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(journals)), []);
    assert.deepEqual(await c.keys(), []);
  });

  test("an upload in progress in a process of this machine is kept", async (c) => {
    const uploadId = await c.begin("7-linux/now.bin", 1);
    using _working = await c.journal("7-linux/now.bin", uploadId);
    await c.begin("7-linux/old.bin");
    const { uploads } = await runJson(0, [...c.args, "--abort"], c.env);
    assert.deepEqual(
      uploads.map((u: { key: string; state: string; outcome: string }) => [
        u.key,
        u.state,
        u.outcome,
      ]),
      [["7-linux/now.bin", "active", "active"], ["7-linux/old.bin", "unknown", "aborted"]],
    );
    assert.deepEqual(await c.keys(), ["7-linux/now.bin"]);
    const { out } = await runs(0, [...c.args, "--abort"], c.env);
    assert.match(out, /^left alone .* active +now\.bin$/m);
  });

  test("one that ends meanwhile is neither listed nor a failure", async (c) => {
    await c.begin("7-linux/a.bin", 1);
    const [found] = await listUnfinishedUploads(c.backend, c.root);
    assert.equal(await c.backend.abortStaleUpload(found), true);
    assert.equal(await c.backend.describeStaleUpload(found), undefined);
    const [again] = await abortUnfinishedUploads(c.backend, [found]);
    assert.equal(again.outcome, "aborted");
  });
}
