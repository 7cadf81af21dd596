/**
 * An item of an upload that is packed when its turn comes.
 *
 * @module
 */

import { pack, packedLength, type PackOptions } from "../../archive/pack/pack.ts";
import type { ArchiveMember } from "../../archive/tar/list_members.ts";
import { diskError } from "../../errors/disk.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { spool } from "../../storage/local/spool.ts";
import type { UploadItem } from "../../storage/transfer/upload.ts";
import { withAdvice } from "./work_dir.ts";

/** Options of {@linkcode packItem}. */
export interface PackItemOptions extends Omit<PackOptions, "signal" | "onPacked"> {
  /** Its destination. */
  readonly location: OutputLocation;
  /** Its origin, as text: a directory. */
  readonly path: string;
  /** Its members. */
  readonly members: readonly ArchiveMember[];
  /** The directory for the archive until it is uploaded. */
  readonly workDir: string;
  /** Follow-ups. */
  readonly followUp?: UploadItem["followUp"];
}

/**
 * An archive that is packed on demand, to a temporary file until it is uploaded.
 *
 * @param options Members and destination.
 * @returns The item.
 */
export function packItem(options: PackItemOptions): UploadItem {
  const { location, path, members, workDir, followUp, ...packing } = options;
  return {
    location,
    path,
    followUp,
    madeFrom: packedLength(members, packing),
    open: async (signal, onPacked) => {
      try {
        return await spool(workDir, pack(members, { ...packing, onPacked, signal }), signal);
      } catch (error) {
        throw withAdvice(error);
      }
    },
    check: async (signal) => {
      for (const member of members) {
        signal?.throwIfAborted();
        if (member.type !== "file") continue;
        const file = await Deno.open(member.path).catch((error) => {
          throw diskError("read", member.path, error);
        });
        file.close();
      }
    },
  };
}
