/**
 * The evidence for a repair, read again before anything is written, because a verification can take
 * long, and the run may have been uploaded again meanwhile.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { ByteSource, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { sha256Of } from "../../storage/sha256_of.ts";
import { sidecarBase } from "../artifacts/pair_sidecars.ts";
import { readOutputs } from "../manifest/read.ts";
import {
  archiveOf,
  parseSidecar,
  readSidecar,
  readSidecarContent,
  SIDECAR_SUFFIX,
} from "../artifacts/sidecar.ts";
import type { VerifiedFile } from "./verified_file.ts";

/** The run to repair, and how to format its locations. */
interface Place {
  readonly backend: StorageBackend;
  readonly root: OutputPaths;
  readonly show?: (location: OutputLocation) => string;
}

/** What the files of a run should be, at present. */
export class RepairEvidence {
  readonly #place: Place;
  readonly #signal: AbortSignal | undefined;
  /** The expected hashes of the files, by path. */
  readonly #wanted: ReadonlyMap<string, string>;
  /** The hashes in the present manifest. */
  readonly #listed: ReadonlyMap<string, string>;

  private constructor(
    place: Place,
    signal: AbortSignal | undefined,
    wanted: ReadonlyMap<string, string>,
    listed: ReadonlyMap<string, string>,
  ) {
    this.#place = place;
    this.#signal = signal;
    this.#wanted = wanted;
    this.#listed = listed;
  }

  /**
   * Reads the manifest again, if it lists one of the files.
   *
   * @param files The files to repair.
   * @param place The run.
   * @param signal Aborts reading, and later requests.
   * @returns The evidence.
   * @throws {RunOutputsError} `integrity` or `failed`, if the manifest cannot be read.
   */
  static async read(
    files: readonly VerifiedFile[],
    place: Place,
    signal: AbortSignal | undefined,
  ): Promise<RepairEvidence> {
    const wanted = new Map(
      files.flatMap(({ path, expected }) => expected ? [[path, expected.sha256]] : []),
    );
    const listed = new Map<string, string>();
    if (files.some(({ parts }) => parts.length > 0)) {
      const { backend, root, show } = place;
      const manifest = await readOutputs(backend, root, { show, signal });
      for await (const { file } of manifest.files({ marked: true })) {
        if (wanted.has(file.path)) listed.set(file.path, file.sha256);
      }
    }
    return new RepairEvidence(place, signal, wanted, listed);
  }

  /**
   * Checks that the source of a file's expected content has not changed.
   *
   * @param file The verification's result.
   * @throws {RunOutputsError} `conflict`, if it has changed, or is gone.
   */
  async confirm({ path, parts, expected }: VerifiedFile): Promise<void> {
    if (expected === undefined) return;
    const sidecar = path + SIDECAR_SUFFIX;
    let now: string | undefined;
    if (parts.length > 0) now = this.#listed.get(path);
    else if (expected.by === sidecar) now = await this.#digest(sidecar);
    else return;
    if (now === expected.sha256) return;
    throw new RunOutputsError("conflict", `${expected.by} no longer lists that content`);
  }

  /**
   * Reads the copy of a checksum file whose only evidence is the file that it belongs to.
   *
   * @param path The checksum file's path.
   * @param from The location of the copy.
   * @param copy The copy.
   * @returns Its bytes, whose checksum matches the present or the future file at `path`.
   * @throws {RunOutputsError} `integrity`, if it does not match; `not_found`, if there is no such
   * file.
   */
  async checksum(path: string, from: Place, { location }: ObjectInfo): Promise<ByteSource> {
    const base = sidecarBase(path);
    if (base === undefined) {
      throw new RunOutputsError("failed", "no checksum is recorded for it");
    }
    const { show = String } = from;
    const { bytes, text } = await readSidecarContent(
      from.backend,
      { location },
      show,
      this.#signal,
    );
    const digest = parseSidecar(text, show(location), archiveOf(path));
    const sha256 = this.#wanted.get(base) ?? await this.#hash(base);
    if (digest !== sha256) {
      throw new RunOutputsError(
        "integrity",
        `${show(location)} says sha256 ${digest}, but its file has ${sha256}`,
      );
    }
    return bytesSource(bytes);
  }

  /** The checksum in the file at a path; `undefined`, if it is gone or has none. */
  async #digest(path: string): Promise<string | undefined> {
    const { backend, root, show = String } = this.#place;
    try {
      return await readSidecar(backend, { location: root.file(path) }, show, this.#signal);
    } catch (error) {
      const codes = ["not_found", "integrity"];
      if (error instanceof RunOutputsError && codes.includes(error.code)) return undefined;
      throw error;
    }
  }

  async #hash(path: string): Promise<string> {
    const { backend, root } = this.#place;
    const signal = this.#signal;
    await using body = await backend.read(root.file(path), { signal });
    return await sha256Of(body);
  }
}
