/**
 * What a process that uploads in parts leaves for the next one: which upload it had begun, and
 * which parts of which content the server has.
 *
 * Without a journal nobody can tell a killed process's upload from that of one at work, and S3
 * does not say of which content an upload is. So the journal is local, and locked while its
 * process lives.
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

/** What an upload is of, and how. Parts of one can't serve another. */
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

/** An upload to continue. */
export interface ContinuedUpload {
  /** The server's name of it. */
  readonly uploadId: string;
  /** The parts that the server has. */
  readonly parts: readonly Part[];
}

/** A journal that was looked for. Nobody continues its upload before it is disposed of. */
export interface FoundJournal extends Disposable {
  /** Whether a process is at work on the object, or the next one continues its upload. */
  readonly state: "active" | "resumable";
  /** Removes it, unless another process holds it. */
  remove(): Promise<void>;
}

const HELD_BY_ANOTHER: FoundJournal = {
  state: "active",
  remove: () => Promise.resolve(),
  [Symbol.dispose]: () => {},
};

/**
 * The journal of one object's upload. Without a directory for it, or one that can be written, it
 * does nothing: it is there to save work, and must not cost any.
 */
export class UploadJournal implements Disposable {
  readonly #session: Session;
  readonly #location: OutputLocation;
  readonly #journal: Journal | undefined;
  #broken = false;
  /** Whether it tells of an upload that may be on the server. */
  #tells: boolean;

  private constructor(session: Session, location: OutputLocation, journal: Journal | undefined) {
    this.#session = session;
    this.#location = location;
    this.#journal = journal;
    this.#tells = uploadIdOf(journal) !== undefined;
  }

  /**
   * Opens an object's journal. If another process holds it, this upload has none; if the disk does
   * not allow one, a notice says so.
   *
   * @param session The connection; its settings name the directory.
   * @param location The object.
   * @returns The journal.
   */
  static async open(session: Session, location: OutputLocation): Promise<UploadJournal> {
    const path = pathOf(session, location);
    if (path === undefined) return new UploadJournal(session, location, undefined);
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      return new UploadJournal(session, location, await Journal.open(path));
    } catch (error) {
      noticeWithout(session, error);
      return new UploadJournal(session, location, undefined);
    }
  }

  /**
   * Looks for this machine's journal of an upload; makes none.
   *
   * @param session The connection; its settings name the directory.
   * @param location The object.
   * @param uploadId The server's name of the upload.
   * @returns The journal; `undefined`, if there is none, or it is of another upload.
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
      // Looked at before it is locked: there can be several uploads of one object, and to lock the
      // journal for each would make the one that it is of seem to be at work.
      if (!await mentions(path, uploadId)) return undefined;
      const journal = await Journal.open(path, { create: false });
      if (journal === undefined) return HELD_BY_ANOTHER;
      return {
        state: "resumable",
        remove: () => journal.remove(),
        [Symbol.dispose]: () => journal[Symbol.dispose](),
      };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw diskError("read", path, error);
    }
  }

  /**
   * What a killed process had got done. An upload that is of something else is removed.
   *
   * @param identity What is to be uploaded now.
   * @param signal The caller's.
   * @returns The upload to continue, if there is one.
   */
  async takeUp(
    identity: UploadIdentity,
    signal: AbortSignal | undefined,
  ): Promise<ContinuedUpload | undefined> {
    const uploadId = uploadIdOf(this.#journal);
    if (uploadId === undefined) return undefined;
    const [header, ...notes] = this.#journal!.entries;
    if (JSON.stringify(header) !== JSON.stringify(toHeader(uploadId, identity))) {
      this.#tells = !await abortUpload(this.#session, this.#location, uploadId);
      return undefined;
    }
    const there = await this.#partsOnServer(uploadId, signal);
    if (there === undefined) return undefined;
    const parts = (notes as (Part | null)[]).filter((part): part is Part =>
      typeof part?.etag === "string" && there.get(part.number) === part.etag
    );
    return { uploadId, parts: [...new Map(parts.map((part) => [part.number, part])).values()] };
  }

  /**
   * Notes that an upload has begun.
   *
   * @param uploadId The server's name of it.
   * @param identity What it is of.
   */
  begin(uploadId: string, identity: UploadIdentity): void {
    this.#tells = true;
    this.#try((journal) => journal.restart(toHeader(uploadId, identity)));
  }

  /**
   * Notes that the server has a part.
   *
   * @param part The part.
   */
  note(part: Part): void {
    this.#try((journal) => journal.append(part));
  }

  /** Whether the next process finds here what the server has got. */
  get isKept(): boolean {
    return this.#journal !== undefined && !this.#broken;
  }

  /** Removes the journal: the upload is completed, or gone. */
  async remove(): Promise<void> {
    await this.#journal?.remove().catch((error) => noticeWithout(this.#session, error));
  }

  /** Removes the journal if it tells of nothing that is on the server. */
  async removeUnused(): Promise<void> {
    if (!this.#tells) await this.remove();
  }

  /** Lets other processes have it. */
  [Symbol.dispose](): void {
    this.#journal?.[Symbol.dispose]();
  }

  /** After a failure nothing more is noted; what was noted before is right, and stays. */
  #try(write: (journal: Journal) => void): void {
    if (this.#journal === undefined || this.#broken) return;
    try {
      write(this.#journal);
    } catch (error) {
      this.#broken = true;
      noticeWithout(this.#session, error);
    }
  }

  /** The etags of the parts that the server has; `undefined`, if it has no such upload. */
  async #partsOnServer(
    uploadId: string,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, string> | undefined> {
    const etags = new Map<number, string>();
    const parts = listParts(this.#session, "write", this.#location, uploadId, signal);
    try {
      for await (const { number, etag } of parts) etags.set(number, quoted(etag));
      return etags;
    } catch (error) {
      if (isNoSuchUpload(error)) {
        this.#tells = false;
        return undefined;
      }
      // A server that can't list parts leaves nothing to continue, only something to remove.
      const unable = error instanceof RunOutputsError &&
        (error.code === "not_found" || error.code === "failed");
      if (!unable) throw error;
      this.#tells = !await abortUpload(this.#session, this.#location, uploadId);
      return undefined;
    }
  }
}

/** The journal's file; `undefined`, if there are to be none. */
function pathOf(session: Session, { bucket, s3Uri }: OutputLocation): string | undefined {
  const { journalDir } = session.settings;
  if (journalDir === undefined) return undefined;
  const name = `${session.transport.host(bucket)} ${s3Uri}`;
  const id = createHash("sha256").update(name).digest("hex").slice(0, 32);
  return join(journalDir, `${id}.upload.journal`);
}

/** Once for the directory, not for each object in it. */
function noticeWithout(session: Session, error: unknown): void {
  const { message } = diskError("write", session.settings.journalDir!, error);
  session.notice(`${message}; an interrupted upload can't be resumed`);
}

/** Whether a journal is of an upload, as far as can be seen without its lock. */
async function mentions(path: string, uploadId: string): Promise<boolean> {
  try {
    const [header] = (await Deno.readTextFile(path)).split("\n", 1);
    return header.includes(JSON.stringify(uploadId));
  } catch (error) {
    // Windows lets nobody read what another process has locked.
    if (Deno.build.os !== "windows" || error instanceof Deno.errors.NotFound) throw error;
    return true;
  }
}

/** The upload that a journal is of. */
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
