/**
 * Verifies one file and its checksum file.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { classify } from "../../layout/classify.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { MergedFile } from "../../runs/merge_parts.ts";
import { unfinishedPartOf } from "../../runs/unfinished_part.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import type { TransferEvent } from "../../storage/transfer/transfer.ts";
import { isOwn, type JoinedOutput } from "../manifest/list_outputs.ts";
import { type FileAndSidecar, sidecarBase } from "../artifacts/pair_sidecars.ts";
import type { RunManifest } from "../manifest/read.ts";
import { checksumEntries } from "../artifacts/checksum_text.ts";
import {
  archiveOf,
  MAX_SIDECAR_BYTES,
  parseSidecar,
  readSidecarContent,
} from "../artifacts/sidecar.ts";
import {
  comparedFile,
  type ExpectedFile,
  failedFile,
  missingFile,
  type Show,
  type Subject,
  type VerifiedFile,
} from "./verified_file.ts";

/** How files are verified. */
export interface FileVerifierOptions {
  /** The run's manifest. */
  readonly manifest: RunManifest;
  /** Compare sizes and recorded hashes. */
  readonly quick: boolean;
  /** Whether times of writes are meaningful, which those of a copy are not. */
  readonly times: boolean;
  /** Formats a location for messages. */
  readonly show: Show;
  /** Called with each event. */
  readonly onEvent?: (event: TransferEvent) => void;
  /** Aborts the verification. */
  readonly signal?: AbortSignal;
}

/** What to do about a file that has only a size to compare. */
const WITHOUT_QUICK = "verify without --quick";

/** A checksum file that was read. */
interface ReadSidecar {
  readonly result: VerifiedFile;
  /** The checksum for its file. */
  readonly digest?: string;
  /** Whether that is its only entry; a list of checksums has entries for other files. */
  readonly alone?: boolean;
}

/** Verifies files of one run. */
export class FileVerifier {
  readonly #backend: StorageBackend;
  readonly #root: OutputPaths;
  readonly #options: FileVerifierOptions;
  readonly #pages: ReadonlySet<string>;

  /**
   * Creates a verifier.
   *
   * @param backend The storage.
   * @param root The run.
   * @param options How.
   */
  constructor(backend: StorageBackend, root: OutputPaths, options: FileVerifierOptions) {
    this.#backend = backend;
    this.#root = root;
    this.#options = options;
    this.#pages = new Set(options.manifest.pages);
  }

  /**
   * Verifies a file and its checksum file. Any failure is a result.
   *
   * @param pair The two files.
   * @returns The results, for the file first.
   * @throws The signal's reason.
   */
  async verify(pair: FileAndSidecar): Promise<VerifiedFile[]> {
    const { left } = this.#options.manifest;
    return (await this.#verify(pair)).map((result) => {
      const { verdict, path, size } = result;
      const known = verdict === "extra" ? left.get(path) : undefined;
      if (known === undefined || known.size !== size) return result;
      if ((result.sha256 ?? known.sha256) !== known.sha256) return result;
      const { run_attempt: attempt } = known;
      const which = attempt === undefined ? "an earlier attempt" : `attempt ${attempt}`;
      const expected = { sha256: known.sha256, size: known.size, by: which };
      return { ...result, expected, verdict: "left", reason: `left by ${which} of the run` };
    });
  }

  async #verify({ file, sidecar }: FileAndSidecar): Promise<VerifiedFile[]> {
    if (sidecar === undefined) return file === undefined ? [] : [await this.#file(file)];
    const read = await this.#sidecar(sidecar, file);
    if (file === undefined) {
      if (read.digest === undefined || !read.alone) return [read.result];
      const path = sidecarBase(sidecar.path)!;
      const expected = { sha256: read.digest, by: sidecar.path };
      return [missingFile(this.#subject({ path }), expected, this.#options.show), read.result];
    }
    const result = await this.#file(file, read.digest);
    return [result, this.#agree(result, sidecar, read)];
  }

  /** A checksum file that matches the manifest can still contain a wrong checksum. */
  #agree(file: VerifiedFile, sidecar: JoinedOutput, read: ReadSidecar): VerifiedFile {
    const { digest, result } = read;
    const isStandard = file.expected?.by === sidecar.path;
    if (digest === undefined || isStandard || file.sha256 === undefined) return result;
    if (file.error !== undefined || result.error !== undefined) return result;
    if (digest === file.sha256) return result;
    const { show } = this.#options;
    const error = new RunOutputsError(
      "integrity",
      `Checksum mismatch: ${show(result.location)} says sha256 ${digest}, but its file has ` +
        file.sha256,
    );
    return { ...result, verdict: "wrong-hash", error };
  }

  async #sidecar(sidecar: JoinedOutput, file: JoinedOutput | undefined): Promise<ReadSidecar> {
    const { quick, show, signal } = this.#options;
    const { listed, info } = sidecar;
    const isNeeded = !quick || file?.listed === undefined;
    // If there is no other source, a file with that name must be a checksum file.
    const isProof = file !== undefined && (listed === undefined || file.listed === undefined);
    const isRead = isNeeded && info !== undefined &&
      (info.size <= MAX_SIDECAR_BYTES ||
        (isProof && (listed?.file.size ?? info.size) === info.size));
    if (!isRead) return { result: await this.#file(sidecar) };
    const subject = this.#subject(sidecar);
    const expected = listed && expectedOf(listed);
    let etag: string | undefined = info.etag;
    try {
      const { text, ...content } = await this.#readSidecar(info);
      etag = content.etag;
      const of = archiveOf(sidecar.path);
      const digest = digestOf(text, of);
      if (expected !== undefined) {
        const found = { ...content, checkedBy: "bytes" } as const;
        const result = comparedFile(subject, expected, found, show);
        if (result.error !== undefined) return { result };
        if (isProof) parseSidecar(text, show(info.location), of);
        return { result, digest };
      }
      if (isProof) parseSidecar(text, show(info.location), of);
      const verdict = this.#hasManifest ? "extra" : digest === undefined ? "unchecked" : "ok";
      const reason = verdict === "unchecked" ? "no known checksum" : undefined;
      const checkedBy = verdict === "ok" ? "bytes" : undefined;
      const alone = checksumEntries(text).length === 1;
      return { result: { ...subject, ...content, verdict, checkedBy, reason }, digest, alone };
    } catch (error) {
      signal?.throwIfAborted();
      return { result: failedFile({ ...subject, etag, expected }, error, show) };
    }
  }

  async #file(file: JoinedOutput, digest?: string): Promise<VerifiedFile> {
    const { show, signal } = this.#options;
    const subject = this.#subject(file);
    const { listed, info } = file;
    const expected: ExpectedFile | undefined = listed !== undefined
      ? expectedOf(listed)
      : digest === undefined
      ? undefined
      : { sha256: digest, by: `${file.path}.sha256sum` };
    if (info === undefined) return missingFile(subject, expected!, show);
    if (expected === undefined) return this.#unlisted(subject, info);
    try {
      const result = await this.#compare(subject, expected, info, listed);
      const isExtra = result.verdict === "ok" && listed === undefined && this.#hasManifest;
      return isExtra ? { ...result, verdict: "extra" } : result;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RunOutputsError && error.code === "not_found") {
        return missingFile(subject, expected, show);
      }
      return failedFile(subject, error, show);
    }
  }

  async #compare(
    subject: Subject,
    expected: ExpectedFile,
    info: ObjectInfo,
    listed: MergedFile | undefined,
  ): Promise<VerifiedFile> {
    const { quick, times, show, signal, manifest } = this.#options;
    const { size, etag } = info;
    if (expected.size !== undefined && expected.size !== size) {
      return comparedFile(subject, expected, { size, etag, checkedBy: "size" }, show);
    }
    if (!quick) {
      let content = await this.#read(subject, info);
      // A byte may have been lost in transfer: the file is wrong only if it happens again.
      if (content.sha256 !== expected.sha256) {
        content = await this.#read(subject, info, { again: true });
      }
      return comparedFile(subject, expected, { ...content, checkedBy: "bytes" }, show);
    }
    const sha256 = info.sha256 ??
      (await this.#backend.stat(info.location, { signal })).sha256;
    if (sha256 !== undefined) {
      return comparedFile(subject, expected, { size, sha256, etag, checkedBy: "record" }, show);
    }
    const unchecked = (reason: string) =>
      ({ ...subject, verdict: "unchecked", expected, size, etag, reason }) as const;
    const part = listed?.parts.map((name) => manifest.part(name)).find((one) => one !== undefined);
    if (part === undefined) return unchecked(`can only be verified by content; ${WITHOUT_QUICK}`);
    if (times && isModifiedAfter(info.modified, part.info.modified)) {
      return unchecked(`newer than the manifest part that lists it; ${WITHOUT_QUICK}`);
    }
    return comparedFile(subject, expected, { size, etag, checkedBy: "size" }, show);
  }

  #unlisted(subject: Subject, { size, sha256, etag }: ObjectInfo): VerifiedFile {
    const { kind, path } = subject;
    const result = { ...subject, size, sha256, etag };
    if (isOwn(kind) || this.#pages.has(path)) {
      return { ...result, verdict: "made" };
    }
    if (this.#hasManifest) return { ...result, verdict: "extra" };
    return { ...result, verdict: "unchecked", reason: "no known checksum" };
  }

  async #read(
    { path }: Subject,
    { location }: ObjectInfo,
    { again = false }: { readonly again?: boolean } = {},
  ) {
    const { onEvent, signal } = this.#options;
    await using body = await this.#backend.read(location, { signal });
    if (!again) onEvent?.({ type: "start", path, size: body.info.size });
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of body) {
      hash.update(chunk);
      size += chunk.length;
      if (!again) onEvent?.({ type: "bytes", path, bytes: chunk.length });
    }
    return { size, sha256: hash.digest("hex"), etag: body.info.etag };
  }

  /** Without an event: it has a result when its file has one, and is shown as in progress until then. */
  async #readSidecar(object: ObjectInfo) {
    const { show, signal } = this.#options;
    const { bytes, text, info } = await readSidecarContent(this.#backend, object, show, signal);
    const size = bytes.length;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { size, sha256, etag: info.etag, text };
  }

  #subject({ path, listed }: Pick<JoinedOutput, "path" | "listed">): Subject {
    return {
      path,
      kind: classify(path),
      location: this.#root.file(path),
      parts: listed?.parts ?? [],
      conflicts: listed?.conflicts.map(({ part }) => part) ?? [],
    };
  }

  get #hasManifest(): boolean {
    return this.#options.manifest.parts.length > 0;
  }
}

function expectedOf({ file, parts }: MergedFile): ExpectedFile {
  const { size, sha256, content_type: contentType } = file;
  const isMarker = unfinishedPartOf(parts[0]) !== undefined;
  return { size, sha256, contentType, by: `${isMarker ? "marker" : "manifest part"} ${parts[0]}` };
}

function digestOf(text: string, of: string): string | undefined {
  try {
    return parseSidecar(text, "", of);
  } catch {
    // Not every file with that name is a checksum file of ours; code that needs one reports it.
    return undefined;
  }
}
