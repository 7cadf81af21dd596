/**
 * Writes the members of one archive below a directory that was empty before.
 *
 * Everything is synchronous and goes from the decoder's buffer to the file. Symbolic links are not
 * made here: they are collected, and made when all else is written, so that no write can go
 * through one.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { quote } from "../../errors/error.ts";
import {
  ARTIFACT_MANIFEST,
  checkManifestSize,
  mapByManifest,
  parseManifest,
} from "../tar/artifact_manifest.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { LinkModel } from "./link_model.ts";
import {
  diskName,
  type MapMember,
  memberSegments,
  type PathStyle,
  type Segments,
} from "../tar/member_path.ts";
import type { TarHandler, TarMember } from "../tar/reader.ts";

/**
 * How archives are unpacked.
 *
 * | mode | gives |
 * |---|---|
 * | `extract` | a directory for each archive, named as it up to the first dot; one that exists is replaced |
 * | `flatten` | one tree of all: of each name, the first path of the archive's `artifact_manifest.txt` that it begins with is taken off |
 * | `bootstrap` | one tree of all with their whole names; each listed path's directory is emptied first, and `{path}.prebuilt` touched beside it |
 */
export type UnpackMode = "extract" | "flatten" | "bootstrap";

/** What {@linkcode Extractor} needs to know. */
export interface ExtractorOptions {
  /** The directory, which exists and is empty. */
  readonly root: string;
  /** How its names are mapped. */
  readonly mode: UnpackMode;
  /** Whose rules names follow. */
  readonly style: PathStyle;
  /** Whether the disk takes names that differ only in case for one. */
  readonly caseless: boolean;
  /** The permission bits that new files and directories do not get. */
  readonly umask: number;
  /** How many members may come. */
  readonly maxMembers: number;
}

/** A symbolic link that is to be made. */
export interface ExtractedLink {
  /** Its place below the root: the archive's names, with `/`. */
  readonly path: string;
  /** Its text, as it stands in the archive. */
  readonly text: string;
  /** When it was changed, in seconds since 1970; `undefined` leaves it the present time. */
  readonly modified: number | undefined;
}

/** What was unpacked. */
export interface Extracted {
  /** The number of members. */
  readonly members: number;
  /** How many of them are files, hard links included. */
  readonly files: number;
  /** How many bytes these have. */
  readonly bytes: number;
  /** The paths that `artifact_manifest.txt` lists; none in mode `extract`. */
  readonly relpaths: readonly string[];
}

const EXECUTABLE = 0o111;

/** The modes of plain extraction: no set-user-ID and the like, and nothing that others may write. */
const KEPT_MODE = 0o755;

/** Takes what a {@linkcode TarReader} tells, and writes it. */
export class Extractor implements TarHandler, Disposable {
  readonly #options: ExtractorOptions;
  readonly #model: LinkModel;
  /** Times of links, by their paths. */
  readonly #linkTimes = new Map<string, number | undefined>();
  /** What directories get at the end: what is written into them changes their time. */
  readonly #directories = new Map<string, Pick<TarMember, "mode" | "modified">>();
  #map: MapMember | undefined;
  #relpaths: readonly Segments[] = [];
  #manifest: { readonly bytes: Uint8Array; length: number } | undefined;
  #file:
    | { readonly file: Deno.FsFile; readonly path: string; readonly modified: number | undefined }
    | undefined;
  #member = "";
  #members = 0;
  #files = 0;
  #bytes = 0;

  /**
   * Creates an extractor.
   *
   * @param options Where to, and how.
   */
  constructor(options: ExtractorOptions) {
    this.#options = options;
    this.#model = new LinkModel(options.caseless);
    if (options.mode === "extract") this.#map = (segments) => segments;
  }

  /** Begins a member. */
  member(member: TarMember): void {
    this.#member = member.name;
    try {
      this.#begin(member);
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Writes a piece of its content. */
  data(bytes: Uint8Array): void {
    if (this.#manifest !== undefined) {
      this.#manifest.bytes.set(bytes, this.#manifest.length);
      this.#manifest.length += bytes.length;
    } else if (this.#file !== undefined) {
      const { file, path } = this.#file;
      try {
        for (let at = 0; at < bytes.length;) {
          at += file.writeSync(at === 0 ? bytes : bytes.subarray(at));
        }
      } catch (error) {
        throw diskError("write", path, error);
      }
      this.#bytes += bytes.length;
    }
  }

  /** Ends a member. */
  end(): void {
    if (this.#manifest !== undefined) {
      try {
        this.#useManifest(this.#manifest.bytes);
      } catch (error) {
        throw this.#named(error);
      }
      this.#manifest = undefined;
    } else if (this.#file !== undefined) {
      const { file, path, modified } = this.#file;
      try {
        if (modified !== undefined) file.utimeSync(modified, modified);
      } catch (error) {
        throw diskError("write", path, error);
      }
      this.#file = undefined;
      file.close();
    }
  }

  /**
   * Tells that all members have come.
   *
   * @returns The links that have to be made now, before {@linkcode finish}.
   * @throws {BadArchive} If there was no manifest where one is needed, or a link leads out.
   */
  links(): ExtractedLink[] {
    if (this.#map === undefined) throw new BadArchive(`it has no ${ARTIFACT_MANIFEST}`);
    this.#model.checkLinks();
    return Array.from(this.#model.links, ([path, text]) => ({
      path,
      text,
      modified: this.#linkTimes.get(path),
    }));
  }

  /**
   * Gives directories their modes and times.
   *
   * @returns What was unpacked.
   */
  finish(): Extracted {
    // From below: what is set on a directory above must not be in the way.
    for (const [path, { mode, modified }] of [...this.#directories].reverse()) {
      const full = this.#full(path);
      try {
        // Its owner can always change what is in it: it will be moved, and replaced later.
        if (this.#options.style === "posix") Deno.chmodSync(full, (mode & KEPT_MODE) | 0o700);
        Deno.utimeSync(full, modified, modified);
      } catch (error) {
        throw diskError("write", full, error);
      }
    }
    return {
      members: this.#members,
      files: this.#files,
      bytes: this.#bytes,
      relpaths: this.#relpaths.map((segments) => segments.join("/")),
    };
  }

  /** Closes the file that an error left open. */
  [Symbol.dispose](): void {
    this.#file?.file.close();
    this.#file = undefined;
  }

  #begin(member: TarMember): void {
    if (++this.#members > this.#options.maxMembers) {
      throw new BadArchive(`it has more than ${this.#options.maxMembers} members (--max-members)`);
    }
    const segments = memberSegments(member.name);
    if (this.#map === undefined) return this.#startManifest(segments, member);
    const place = this.#mapped(segments, member);
    if (place === undefined) return;
    if (place.length === 0) {
      if (member.type !== "directory") throw new BadArchive("it is the target directory itself");
      return;
    }
    const path = this.#model.place(place, (directory) => this.#makeDirectory(directory));
    if (member.type === "directory") return this.#directory(path, member);
    if (this.#model.isDirectory(path)) throw new BadArchive("a directory is where it should be");
    if (member.type === "symlink") this.#symlink(path, member.target, member.modified);
    else if (member.type === "hardlink") this.#hardlink(path, member);
    else this.#startFile(path, member);
  }

  /** The place of a member; `undefined` for what is passed over. */
  #mapped(segments: Segments, { type }: Pick<TarMember, "type">): Segments | undefined {
    const place = this.#map!(segments);
    if (place === "ancestor" && type === "directory") return undefined;
    if (place === undefined || place === "ancestor") {
      throw new BadArchive(`it is under no path that ${ARTIFACT_MANIFEST} lists`);
    }
    return place;
  }

  #startManifest(segments: Segments, { type, size }: TarMember): void {
    // What `tar -C DIR -c .` packs first.
    if (segments.length === 0 && type === "directory") return;
    if (segments.join("/") !== ARTIFACT_MANIFEST || type !== "file") {
      throw new BadArchive(`the first member has to be the file ${ARTIFACT_MANIFEST}`);
    }
    checkManifestSize(size);
    this.#manifest = { bytes: new Uint8Array(size), length: 0 };
  }

  #useManifest(bytes: Uint8Array): void {
    const relpaths = parseManifest(bytes);
    this.#relpaths = relpaths.map(({ segments }) => segments);
    this.#map = mapByManifest(relpaths, this.#options.mode === "flatten");
  }

  #startFile(path: string, { mode, modified }: TarMember): void {
    const full = this.#full(path);
    this.#model.removeLink(path);
    const { umask, style } = this.#options;
    const own = this.#keepsMetadata ? mode & KEPT_MODE : (0o666 & ~umask) | (mode & EXECUTABLE);
    try {
      const file = openNew(full, { write: true, createNew: true, mode: own });
      this.#file = { file, path: full, modified: this.#keepsMetadata ? modified : undefined };
      // The system takes the umask off.
      if ((own & umask) !== 0 && style === "posix") Deno.chmodSync(full, own);
    } catch (error) {
      throw diskError("write", full, error);
    }
    this.#files++;
  }

  /** Whether members get the archive's modes and times. */
  get #keepsMetadata(): boolean {
    return this.#options.mode === "extract";
  }

  #symlink(path: string, text: string, modified: number | undefined): void {
    this.#model.addLink(path, text);
    this.#linkTimes.set(path, this.#keepsMetadata ? modified : undefined);
    this.#unlink(this.#full(path));
  }

  #hardlink(path: string, member: TarMember): void {
    const of = `the target of its hard link, ${quote(member.target)},`;
    let target: string;
    try {
      const place = this.#mapped(memberSegments(member.target), member);
      if (place === undefined || place.length === 0) throw new BadArchive("it is a directory");
      target = this.#model.place(place, () => {
        throw new BadArchive("no such member came before");
      });
    } catch (error) {
      throw error instanceof BadArchive
        ? new BadArchive(`${of} can't be used: ${error.message}`)
        : error;
    }
    // A second name of a link is a link with the same text.
    const text = this.#model.linkAt(target);
    if (text !== undefined) {
      return this.#symlink(path, text, this.#linkTimes.get(target) ?? member.modified);
    }
    const [from, to] = [this.#full(target), this.#full(path)];
    let stat: Deno.FileInfo;
    try {
      stat = Deno.lstatSync(from);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("read", from, error);
      throw new BadArchive(`${of} did not come before`);
    }
    if (!stat.isFile) throw new BadArchive(`${of} is no file`);
    this.#files++;
    if (from === to) return;
    this.#model.removeLink(path);
    this.#unlink(to);
    try {
      Deno.linkSync(from, to);
    } catch (error) {
      throw diskError("write", to, error);
    }
  }

  #directory(path: string, { mode, modified }: TarMember): void {
    let own = path;
    if (!this.#model.isDirectory(path)) {
      if (this.#model.linkAt(path) !== undefined) {
        const linked = this.#model.linkedDirectory(path);
        if (linked === undefined) throw new BadArchive("a link is where this directory should be");
        own = linked;
      } else {
        this.#makeDirectory(path);
        this.#model.addDirectory(path);
      }
    }
    if (own !== "" && this.#keepsMetadata) this.#directories.set(own, { mode, modified });
  }

  #makeDirectory(path: string): void {
    const full = this.#full(path);
    try {
      Deno.mkdirSync(full);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) {
        throw new BadArchive(`the file ${quote(path)} is where a directory should be`);
      }
      throw diskError("write", full, error);
    }
  }

  #unlink(full: string): void {
    try {
      Deno.removeSync(full);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("write", full, error);
    }
  }

  #full(path: string): string {
    const { root, style } = this.#options;
    if (style === "posix") return `${root}/${path}`;
    return join(root, ...path.split("/").map((name) => diskName(name, style)));
  }

  #named(error: unknown): unknown {
    if (!(error instanceof BadArchive) || error.member !== undefined) return error;
    return new BadArchive(error.message, this.#member);
  }
}

/** Opens a file that is not there. One that is, from a member of the same name, goes first. */
function openNew(path: string, options: Deno.OpenOptions): Deno.FsFile {
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    Deno.removeSync(path);
    return Deno.openSync(path, options);
  }
}
