/**
 * Whether an archive or a package is in the format that its name says. What is cut off at its
 * beginning, empty or an error page is of no use to anyone who downloads it.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { fileItem } from "../../storage/transfer/upload.ts";
import type { UploadPlanner } from "./plan.ts";

/** A format: its name, and how its files begin. */
interface FileFormat {
  readonly name: string;
  begins(head: Uint8Array): boolean;
}

const ZIP: FileFormat = {
  name: "zip",
  begins: (head) => hasBytes(head, [0x50, 0x4b, 0x03, 0x04]),
};

/** The formats, by the end of a name. */
const FORMATS: Readonly<Record<string, FileFormat>> = {
  ".tar.zst": {
    name: "zstd",
    // A frame, or one that decoders skip.
    begins: (head) =>
      hasBytes(head, [0x28, 0xb5, 0x2f, 0xfd]) ||
      (head[0] & 0xf0) === 0x50 && hasBytes(head.subarray(1), [0x2a, 0x4d, 0x18]),
  },
  ".tar.xz": {
    name: "xz",
    begins: (head) => hasBytes(head, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
  },
  ".tar.gz": { name: "gzip", begins: (head) => hasBytes(head, [0x1f, 0x8b]) },
  ".whl": ZIP,
  ".zip": ZIP,
};

/**
 * Checks the first bytes of a file that is uploaded as it is.
 *
 * @param path The file.
 * @returns Its size in bytes.
 * @throws {RunOutputsError} `integrity`, if it is empty or in another format than its name says; or
 * what the disk says.
 */
export async function checkFormat(path: string): Promise<number> {
  const head = new Uint8Array(6);
  let length: number;
  let size: number;
  try {
    using file = await Deno.open(path);
    ({ size } = await file.stat());
    length = await file.read(head) ?? 0;
  } catch (error) {
    throw diskError("read", path, error);
  }
  const [ending, format] = Object.entries(FORMATS).find(([ending]) => path.endsWith(ending)) ?? [];
  if (format === undefined || format.begins(head.subarray(0, length))) return size;
  throw new RunOutputsError(
    "integrity",
    `Cannot upload '${path}': it is ` +
      (size === 0 ? "empty" : `not in ${format.name} format, but its name ends in ${ending}`),
  );
}

/**
 * Plans the upload of a file as it is, if it is in the format that its name says.
 *
 * @param location The destination.
 * @param path The file.
 * @param planner Receives it, or its failure.
 */
export async function planFile(
  location: OutputLocation,
  path: string,
  planner: UploadPlanner,
): Promise<void> {
  try {
    planner.add(fileItem(location, path, { size: await checkFormat(path) }));
  } catch (error) {
    planner.fail(location, path, error as Error);
  }
}

function hasBytes(bytes: Uint8Array, expected: readonly number[]): boolean {
  return expected.every((byte, i) => bytes[i] === byte);
}
