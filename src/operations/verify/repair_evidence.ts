/**
 * What a repair goes by: read once more before anything is written, because a verification can take
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

/** The run that is repaired, and how to show its places. */
interface Place {
  readonly backend: StorageBackend;
  readonly root: OutputPaths;
  readonly show?: (location: OutputLocation) => string;
}

/** What tells what the files of a run should be, as it is now. */
export class RepairEvidence {
  readonly #place: Place;
  readonly #signal: AbortSignal | undefined;
  /** The hashes that the files are to have, by path. */
  readonly #wanted: ReadonlyMap<string, string>;
  /** Those that the manifest tells now. */
  readonly #told: ReadonlyMap<string, string>;

  private constructor(
    place: Place,
    signal: AbortSignal | undefined,
    wanted: ReadonlyMap<string, string>,
    told: ReadonlyMap<string, string>,
  ) {
    this.#place = place;
    this.#signal = signal;
    this.#wanted = wanted;
    this.#told = told;
  }

  /**
   * Reads the manifest once more, if it tells of one of the files.
   *
   * @param files The files that are to be repaired.
   * @param place Where.
   * @param signal Stops the reading, and what is asked later.
   * @returns What it tells of them.
   * @throws {RunOutputsError} `integrity` or `failed`, if the manifest can't be read.
   */
  static async read(
    files: readonly VerifiedFile[],
    place: Place,
    signal: AbortSignal | undefined,
  ): Promise<RepairEvidence> {
    const wanted = new Map(
      files.flatMap(({ path, expected }) => expected ? [[path, expected.sha256]] : []),
    );
    const told = new Map<string, string>();
    if (files.some(({ parts }) => parts.length > 0)) {
      const { backend, root, show } = place;
      const manifest = await readOutputs(backend, root, { show, signal });
      for await (const { file } of manifest.files()) {
        if (wanted.has(file.path)) told.set(file.path, file.sha256);
      }
    }
    return new RepairEvidence(place, signal, wanted, told);
  }

  /**
   * Makes sure that what told what a file should be still does.
   *
   * @param file The file, as the verification told of it.
   * @throws {RunOutputsError} `conflict`, if it tells something else by now, or nothing.
   */
  async confirm({ path, parts, expected }: VerifiedFile): Promise<void> {
    if (expected === undefined) return;
    const sidecar = path + SIDECAR_SUFFIX;
    let now: string | undefined;
    if (parts.length > 0) now = this.#told.get(path);
    else if (expected.by === sidecar) now = await this.#digest(sidecar);
    else return;
    if (now === expected.sha256) return;
    throw new RunOutputsError("conflict", `${expected.by} no longer lists that content`);
  }

  /**
   * A copy of a checksum that nothing vouches for but the file it is of.
   *
   * @param path The checksum's path.
   * @param from Where the copy is.
   * @param copy The copy.
   * @returns Its bytes, which tell the hash that the file beside `path` has, or is to have.
   * @throws {RunOutputsError} `integrity`, if they don't; `not_found`, if there is no such file.
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

  /** What the checksum at a path tells; nothing, if it is gone or tells nothing. */
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
