/**
 * The rules for unpacking the members of one archive: their paths, and which are rejected. The same
 * rules check archives before an upload.
 *
 * Symbolic links are collected here, and created after everything else is written, so that no write
 * can go through one.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import {
  ARTIFACT_MANIFEST,
  checkManifestSize,
  mapByManifest,
  parseManifest,
} from "../tar/artifact_manifest.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { type MapMember, memberSegments, type Segments } from "../tar/member_path.ts";
import type { TarHandler, TarMember } from "../tar/reader.ts";
import { LinkModel } from "./link_model.ts";
import type { MemberMetadata, TreeWriter } from "./tree_writer.ts";

/**
 * How the names of members are mapped to paths.
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
  /** The mapping of names. */
  readonly mode: UnpackMode;
  /** Whether the disk ignores case in names. */
  readonly caseless: boolean;
  /** The maximum number of members, and of directories that are created for them in addition. */
  readonly maxMembers: number;
  /** The maximum total size of files, including holes. */
  readonly maxBytes: number;
}

/** A symbolic link to create. */
export interface ExtractedLink {
  /** Its path below the root, with the archive's names and `/`. */
  readonly path: string;
  /** Its target, as in the archive. */
  readonly text: string;
  /** Its modification time, in seconds since 1970; `undefined` means the present time. */
  readonly modified: number | undefined;
}

/** What was unpacked. */
export interface Extracted {
  /** The number of members. */
  readonly members: number;
  /** The number of files, including hard links. */
  readonly files: number;
  /** Their total size. */
  readonly bytes: number;
  /** The paths that `artifact_manifest.txt` lists; empty in mode `extract`. */
  readonly relpaths: readonly string[];
}

/** Receives the members from a `TarReader`, and writes them. */
export class Extractor implements TarHandler, Disposable {
  readonly #options: ExtractorOptions;
  readonly #tree: TreeWriter;
  readonly #model: LinkModel;
  /** Times of links, by path. */
  readonly #linkTimes = new Map<string, number>();
  /**
   * Modes and times for directories, which are set at the end, because writing into them changes
   * their time.
   */
  readonly #directories = new Map<string, MemberMetadata>();
  #map: MapMember | undefined;
  #relpaths: readonly Segments[] = [];
  #manifest: { readonly bytes: Uint8Array; length: number } | undefined;
  #inFile = false;
  #member = "";
  #members = 0;
  #made = 0;
  #files = 0;
  #bytes = 0;

  /**
   * Creates an extractor.
   *
   * @param options The rules.
   * @param tree The destination.
   */
  constructor(options: ExtractorOptions, tree: TreeWriter) {
    this.#options = options;
    this.#tree = tree;
    this.#model = new LinkModel(options.caseless);
    if (options.mode === "extract") this.#map = (segments) => segments;
  }

  /** Begins a member. */
  member(member: TarMember): void {
    this.#member = member.name;
    this.#naming(() => this.#begin(member));
  }

  /** Writes a piece of its content. */
  data(bytes: Uint8Array): void {
    if (this.#manifest !== undefined) {
      this.#manifest.bytes.set(bytes, this.#manifest.length);
      this.#manifest.length += bytes.length;
    } else if (this.#inFile) this.#naming(() => this.#tree.write(bytes));
  }

  /** Leaves a hole in its content. */
  hole(length: number): void {
    if (this.#manifest !== undefined) this.#manifest.length += length;
    else if (this.#inFile) this.#naming(() => this.#tree.hole(length));
  }

  /** Ends a member. */
  end(): void {
    const manifest = this.#manifest;
    this.#naming(() => {
      if (manifest !== undefined) this.#useManifest(manifest.bytes);
      else if (this.#inFile) this.#tree.closeFile();
    });
    this.#manifest = undefined;
    this.#inFile = false;
  }

  /**
   * Ends the members.
   *
   * @returns The links to create now, before {@linkcode finish}.
   * @throws {BadArchive} If a required manifest is missing, or a link leads out.
   */
  links(): ExtractedLink[] {
    if (this.#map === undefined) throw new BadArchive(`it has no ${ARTIFACT_MANIFEST}`);
    this.#model.checkLinks();
    return Array.from(this.#model.links, ([path, text]) => ({
      path,
      text,
      modified: this.#options.mode === "extract" ? this.#linkTimes.get(path) : undefined,
    }));
  }

  /**
   * Sets the modes and times of directories.
   *
   * @returns What was unpacked.
   */
  finish(): Extracted {
    // From the bottom up, because the mode of a directory above can deny access.
    for (const [path, metadata] of [...this.#directories].reverse()) {
      this.#tree.finishDirectory(path, metadata);
    }
    return {
      members: this.#members,
      files: this.#files,
      bytes: this.#bytes,
      relpaths: this.#relpaths.map((segments) => segments.join("/")),
    };
  }

  /** Closes a file that an error left open. */
  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }

  #begin(member: TarMember): void {
    if (++this.#members > this.#options.maxMembers) throw tooMany(this.#options.maxMembers);
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
    if (this.#model.isDirectory(path)) {
      throw new BadArchive("a directory already exists at its path");
    }
    if (member.type === "symlink") this.#symlink(path, member.target, member.modified);
    else if (member.type === "hardlink") this.#hardlink(path, member);
    else this.#startFile(path, member);
  }

  /** The path of a member; `undefined` if it is skipped. */
  #mapped(segments: Segments, { type }: Pick<TarMember, "type">): Segments | undefined {
    const place = this.#map!(segments);
    if (place === "ancestor" && type === "directory") return undefined;
    if (place === undefined || place === "ancestor") {
      throw new BadArchive(`it is under no path listed in ${ARTIFACT_MANIFEST}`);
    }
    return place;
  }

  #startManifest(segments: Segments, { type, size }: TarMember): void {
    // The first member that `tar -C DIR -c .` packs.
    if (segments.length === 0 && type === "directory") return;
    if (segments.join("/") !== ARTIFACT_MANIFEST || type !== "file") {
      throw new BadArchive(`the first member must be the file ${ARTIFACT_MANIFEST}`);
    }
    checkManifestSize(size);
    this.#manifest = { bytes: new Uint8Array(size), length: 0 };
  }

  #useManifest(bytes: Uint8Array): void {
    const relpaths = parseManifest(bytes);
    this.#relpaths = relpaths.map(({ segments }) => segments);
    this.#map = mapByManifest(relpaths, this.#options.mode === "flatten");
  }

  #startFile(path: string, member: TarMember): void {
    this.#bytes += member.size;
    if (this.#bytes > this.#options.maxBytes) throw tooLarge(this.#options.maxBytes);
    this.#model.removeLink(path);
    this.#tree.openFile(path, member);
    this.#inFile = true;
    this.#files++;
  }

  #symlink(path: string, text: string, modified: number): void {
    this.#model.addLink(path, text);
    this.#linkTimes.set(path, modified);
    this.#tree.remove(path);
  }

  #hardlink(path: string, member: TarMember): void {
    const of = `the target of its hard link, ${quote(member.target)},`;
    let target: string;
    try {
      const place = this.#mapped(memberSegments(member.target), member);
      if (place === undefined || place.length === 0) throw new BadArchive("it is a directory");
      target = this.#model.place(place, () => {
        throw new BadArchive("no earlier member has this name");
      });
    } catch (error) {
      throw error instanceof BadArchive
        ? new BadArchive(`${of} is invalid: ${error.message}`)
        : error;
    }
    // A second name of a link is a link with the same target.
    const text = this.#model.linkAt(target);
    if (text !== undefined) {
      return this.#symlink(path, text, this.#linkTimes.get(target) ?? member.modified);
    }
    this.#files++;
    this.#tree.link(target, path);
    this.#model.removeLink(path);
  }

  #directory(path: string, { mode, modified }: TarMember): void {
    let own = path;
    if (!this.#model.isDirectory(path)) {
      if (this.#model.linkAt(path) !== undefined) {
        const linked = this.#model.linkedDirectory(path);
        if (linked === undefined) {
          throw new BadArchive("a link already exists at this directory's path");
        }
        own = linked;
      } else {
        this.#makeDirectory(path);
        this.#model.addDirectory(path);
      }
    }
    if (own !== "") this.#directories.set(own, { mode, modified });
  }

  #makeDirectory(path: string): void {
    if (++this.#made > this.#options.maxMembers) throw tooMany(this.#options.maxMembers);
    this.#tree.makeDirectory(path);
  }

  /** Runs a step for a member, and adds the member's name to its errors. */
  #naming(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof BadArchive) || error.member !== undefined) throw error;
      throw new BadArchive(error.message, this.#member);
    }
  }
}

function tooMany(most: number): BadArchive {
  return new BadArchive(`it has more than ${most} members (--max-members)`);
}

/**
 * The reason to reject an archive that is too large.
 *
 * @param most The maximum number of bytes.
 * @returns The reason.
 */
export function tooLarge(most: number): BadArchive {
  return new BadArchive(`it unpacks to more than ${most} bytes (--max-unpacked-size)`);
}
