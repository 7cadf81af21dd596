/**
 * The journal of a multipart upload, with which another process resumes it: its id, its content,
 * and its uploaded parts.
 *
 * Without a journal, an upload of a killed process looks like one in progress, and S3 does not
 * report the content of an upload. So the journal is local, and locked while its process lives.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { diskError } from "../../errors/disk.ts";
import { Journal } from "../transfer/journal.ts";
import { listParts } from "./list_parts.ts";
import { abortUpload, isNoSuchUpload, type Part } from "./multipart.ts";
import type { Session } from "./session.ts";

/** The content and the form of an upload. Another upload cannot use its parts. */
export interface UploadIdentity {
  /** The size of the object. */
  readonly size: number;
  /** The size of its parts. */
  readonly partSize: number;
  /** The SHA-256 of the object, 64 hex digits. */
  readonly sha256: string;
  /** Its content type. */
  readonly contentType: string;
  /** Whether the server checks checksums of its parts. */
  readonly checksums: boolean;
  /** The encryption that was requested. */
  readonly sse?: string;
  /** The key that was requested. */
  readonly sseKmsKeyId?: string;
  /** The ACL that was requested. */
  readonly acl?: string;
}

/** An upload to resume. */
export interface ContinuedUpload {
  /** The id of the upload. */
  readonly uploadId: string;
  /** The uploaded parts. */
  readonly parts: readonly Part[];
}

/** A journal that was found. Its upload cannot be resumed before it is disposed of. */
export interface FoundJournal extends Disposable {
  /** Whether a process continues the upload now, or the next one will. */
  readonly state: "active" | "resumable";
  /** Deletes it, unless another process has locked it. */
  remove(): Promise<void>;
}

const HELD_BY_ANOTHER: FoundJournal = {
  state: "active",
  remove: () => Promise.resolve(),
  [Symbol.dispose]: () => {},
};

/**
 * The journal of one object's upload. Without a writable directory it does nothing, because it only
 * saves work.
 */
export class UploadJournal implements Disposable {
  readonly #session: Session;
  readonly #location: OutputLocation;
  readonly #journal: Journal | undefined;
  #broken = false;
  /** Whether it contains an upload that may be on the server. */
  #hasUpload: boolean;

  private constructor(session: Session, location: OutputLocation, journal: Journal | undefined) {
    this.#session = session;
    this.#location = location;
    this.#journal = journal;
    this.#hasUpload = uploadIdOf(journal) !== undefined;
  }

  /**
   * Opens an object's journal. If another process has locked it, this upload has none; if the disk
   * does not allow one, a notice says so.
   *
   * @param session The connection, whose settings name the directory.
   * @param location The object.
   * @returns The journal.
   */
  static async open(session: Session, location: OutputLocation): Promise<UploadJournal> {
    const path = pathOf(session, location);
    if (path === undefined) return new UploadJournal(session, location, undefined);
    try {
      await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      return new UploadJournal(session, location, await Journal.open(path, { own: true }));
    } catch (error) {
      noticeWithout(session, error);
      return new UploadJournal(session, location, undefined);
    }
  }

  /**
   * Finds this machine's journal of an upload, without creating one.
   *
   * @param session The connection, whose settings name the directory.
   * @param location The object.
   * @param uploadId The id of the upload.
   * @returns The journal; `undefined`, if there is none, or it is for another upload.
   * @throws {RunOutputsError} Errors of the disk.
   */
  static async find(
    session: Session,
    location: OutputLocation,
    uploadId: string,
  ): Promise<FoundJournal | undefined> {
    const path = pathOf(session, location);
    if (path === undefined) return undefined;
    try {
      // Read before it is locked: there can be several uploads of one object, and locking the
      // journal for each would make its own upload look active.
      if (!await mentions(path, uploadId)) return undefined;
      const journal = await Journal.open(path, { create: false, own: true });
      if (journal === undefined) return HELD_BY_ANOTHER;
      return {
        state: "resumable",
        remove: () => journal.remove(),
        [Symbol.dispose]: () => journal[Symbol.dispose](),
      };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      // What another user has written says nothing on our uploads.
      if (error instanceof RunOutputsError && error.code === "denied") return undefined;
      throw diskError("read", path, error);
    }
  }

  /**
   * Returns the upload of a killed process. An upload of other content is aborted.
   *
   * @param identity The content to upload now.
   * @param signal The caller's.
   * @returns The upload to resume, if there is one.
   */
  async resume(
    identity: UploadIdentity,
    signal: AbortSignal | undefined,
  ): Promise<ContinuedUpload | undefined> {
    const uploadId = uploadIdOf(this.#journal);
    if (uploadId === undefined) return undefined;
    const [header, ...notes] = this.#journal!.entries;
    if (JSON.stringify(header) !== JSON.stringify(toHeader(uploadId, identity))) {
      this.#hasUpload = !await abortUpload(this.#session, this.#location, uploadId);
      return undefined;
    }
    const uploaded = await this.#partsOnServer(uploadId, signal);
    if (uploaded === undefined) return undefined;
    const parts = (notes as (Part | null)[]).filter((part): part is Part =>
      typeof part?.etag === "string" && uploaded.get(part.number) === part.etag
    );
    return { uploadId, parts: [...new Map(parts.map((part) => [part.number, part])).values()] };
  }

  /**
   * Records that an upload has started.
   *
   * @param uploadId The id of the upload.
   * @param identity Its content.
   */
  begin(uploadId: string, identity: UploadIdentity): void {
    this.#hasUpload = true;
    this.#try((journal) => journal.restart(toHeader(uploadId, identity)));
  }

  /**
   * Records an uploaded part.
   *
   * @param part The part.
   */
  note(part: Part): void {
    this.#try((journal) => journal.append(part));
  }

  /** Whether the next process can resume the upload. */
  get isKept(): boolean {
    return this.#journal !== undefined && !this.#broken;
  }

  /** Deletes the journal, because the upload is completed or aborted. */
  async remove(): Promise<void> {
    await this.#journal?.remove().catch((error) => noticeWithout(this.#session, error));
  }

  /** Deletes the journal if it contains nothing that is on the server. */
  async removeUnused(): Promise<void> {
    if (!this.#hasUpload) await this.remove();
  }

  /** Releases it for other processes. */
  [Symbol.dispose](): void {
    this.#journal?.[Symbol.dispose]();
  }

  /** After a failure nothing more is recorded; earlier records are valid, and stay. */
  #try(write: (journal: Journal) => void): void {
    if (this.#journal === undefined || this.#broken) return;
    try {
      write(this.#journal);
    } catch (error) {
      this.#broken = true;
      noticeWithout(this.#session, error);
    }
  }

  /** The etags of the uploaded parts; `undefined`, if there is no such upload. */
  async #partsOnServer(
    uploadId: string,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, string> | undefined> {
    const etags = new Map<number, string>();
    const parts = listParts(this.#session, this.#location, uploadId, signal);
    try {
      for await (const { number, etag } of parts) etags.set(number, quoted(etag));
      return etags;
    } catch (error) {
      if (isNoSuchUpload(error)) {
        this.#hasUpload = false;
        return undefined;
      }
      // Without a list of parts the upload cannot be resumed, only aborted.
      const unable = error instanceof RunOutputsError &&
        ["not_found", "failed", "denied"].includes(error.code);
      if (!unable) throw error;
      this.#hasUpload = !await abortUpload(this.#session, this.#location, uploadId);
      return undefined;
    }
  }
}

/** The journal's file; `undefined`, if journals are disabled. */
function pathOf(session: Session, { bucket, s3Uri }: OutputLocation): string | undefined {
  const { journalDir } = session.settings;
  if (journalDir === undefined) return undefined;
  const name = `${session.transport.host(bucket)} ${s3Uri}`;
  const id = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return join(journalDir, `${id}.upload.journal`);
}

/** Once for the directory, not for each object. */
function noticeWithout(session: Session, error: unknown): void {
  const { message } = diskError("write", session.settings.journalDir!, error);
  session.notice(`${message}; an interrupted upload can't be resumed`);
}

/** Whether a journal is for an upload, as far as can be seen without locking it. */
async function mentions(path: string, uploadId: string): Promise<boolean> {
  try {
    // Opening a pipe would wait for its other end.
    if (!(await Deno.lstat(path)).isFile) return false;
    const [header] = (await Deno.readTextFile(path)).split("\n", 1);
    return header.includes(JSON.stringify(uploadId));
  } catch (error) {
    // On Windows nobody can read a file that another process has locked.
    if (Deno.build.os !== "windows" || error instanceof Deno.errors.NotFound) throw error;
    return true;
  }
}

/** The upload in the journal. */
function uploadIdOf(journal: Journal | undefined): string | undefined {
  return (journal?.entries[0] as { readonly uploadId?: string } | null | undefined)?.uploadId;
}

function toHeader(uploadId: string, identity: UploadIdentity): Record<string, unknown> {
  const { size, partSize, sha256, contentType, checksums, sse, sseKmsKeyId, acl } = identity;
  const schema = "run-outputs.upload/1";
  const requested = { sse, sseKmsKeyId, acl };
  return { schema, uploadId, size, partSize, sha256, contentType, checksums, ...requested };
}

function quoted(etag: string): string {
  return `"${etag.replaceAll('"', "")}"`;
}
