/**
 * The rooms of `src` and which of them may import which. A room is a directory; files in a directory
 * below it are another room. `docs/architecture.md` shows the same table.
 *
 * @module
 */

import { dirname } from "node:path/posix";

/** Every room with what it may import beside itself. `a/{b,c}` stands for `a/b` and `a/c`. */
export const ROOMS: Readonly<Record<string, string>> = {
  "errors": "",
  "threads": "",
  "ownership": "",
  "layout": "errors",
  "layout/mod.ts": "errors layout",
  "runs": "errors layout",
  "runs/retention": "errors layout runs",
  "runs/mod.ts": "errors layout runs runs/retention",
  "github": "errors ownership layout",
  "github/mod.ts": "errors layout github",
  "storage": "errors layout",
  "storage/local": "errors ownership layout storage",
  "storage/hash": "errors threads storage",
  "storage/transfer": "errors ownership layout storage storage/{hash,local}",
  "storage/cache": "errors ownership layout storage storage/local",
  "storage/s3": "errors layout storage storage/{hash,transfer}",
  "storage/open_s3.ts": "errors layout storage storage/s3",
  "storage/mod.ts": "errors layout storage storage/open_s3.ts " +
    "storage/{cache,local,s3,transfer}",
  "archive/tar": "errors layout",
  "archive/compression": "errors archive/tar",
  "archive/pack": "errors threads archive/{compression,tar}",
  "archive/packages": "errors archive/{compression,tar}",
  "archive/unpack": "errors threads archive/{compression,tar}",
  "archive/mod.ts": "archive/{compression,pack,tar,unpack}",
  "operations": "errors layout storage storage/{s3,transfer}",
  "operations/manifest": "errors layout runs storage storage/transfer",
  "operations/artifacts": "errors layout runs storage storage/transfer operations/manifest",
  "operations/index_pages": "errors layout runs/retention storage storage/transfer " +
    "operations/{artifacts,manifest}",
  "operations/repository": "errors layout storage storage/transfer " +
    "archive/{compression,packages,tar} operations/manifest",
  "operations/upload": "errors layout storage storage/{local,transfer} archive/{pack,tar,unpack} " +
    "operations/{artifacts,index_pages,repository}",
  "operations/find": "errors layout github storage operations/{artifacts,manifest}",
  "operations/fetch":
    "errors ownership layout storage storage/{cache,local,transfer} archive/unpack " +
    "operations/{artifacts,find,manifest}",
  "operations/verify": "errors layout runs storage storage/transfer " +
    "operations/{artifacts,manifest}",
  "operations/diff": "errors layout storage operations/manifest",
  "operations/copy": "errors layout runs storage storage/{local,transfer} archive/tar " +
    "operations/{artifacts,index_pages,manifest}",
  "operations/logs": "errors layout storage",
  "operations/retained": "errors layout runs runs/retention storage storage/transfer " +
    "operations/{logs,manifest}",
  "operations/bisect":
    "errors ownership layout runs github storage/{cache,local,transfer} archive/unpack " +
    "operations/{fetch,find,manifest}",
  "operations/prune":
    "errors layout runs runs/retention storage storage/{local,s3} archive/unpack " +
    "operations/{bisect,index_pages,manifest,retained}",
  "operations/doctor": "errors ownership layout github storage/{local,s3}",
  "operations/mod.ts":
    "errors layout runs runs/retention github storage storage/{cache,local,s3,transfer} " +
    "archive/unpack operations " +
    "operations/{artifacts,bisect,copy,diff,fetch,find,index_pages,manifest,prune,repository," +
    "retained,upload,verify}",
  "service": "errors layout storage operations/retained",
  "service/objects": "errors layout runs runs/retention storage storage/local " +
    "operations/{manifest,retained} service",
  "service/s3": "errors layout runs/retention storage operations/retained " +
    "service service/objects",
  "service/pages":
    "errors layout runs/retention storage operations/{diff,index_pages,logs,retained} " +
    "service service/objects",
  "service/mirror": "errors ownership layout runs/retention storage storage/{local,transfer} " +
    "operations/{copy,manifest,retained} service",
  "service/server":
    "errors threads layout runs storage storage/local operations/retained service " +
    "service/{mirror,objects,pages,s3}",
  "cli/terminal": "errors layout github storage/transfer",
  "cli":
    "errors layout runs runs/retention github storage storage/open_s3.ts storage/{local,s3,transfer} " +
    "operations/{artifacts,fetch,find,index_pages,manifest,retained} cli/fence cli/terminal",
  "cli/completions": "layout runs/retention cli",
  "cli/commands": "errors layout github operations " +
    "operations/{doctor,index_pages,manifest,verify} " +
    "cli cli/completions cli/fence cli/terminal cli/commands/upload",
  "cli/commands/upload": "errors layout runs github storage/transfer archive/compression " +
    "operations/{index_pages,manifest,upload} cli cli/terminal",
  "cli/commands/find": "errors layout github operations/{fetch,find} cli cli/terminal",
  "cli/commands/fetch": "errors layout runs storage/cache archive/unpack " +
    "operations/{fetch,find,manifest} cli cli/terminal cli/commands/find",
  "cli/commands/verify":
    "errors layout runs storage/transfer operations/{manifest,retained,verify} " +
    "cli cli/terminal",
  "cli/commands/diff": "errors layout github operations/{diff,manifest} cli cli/terminal",
  "cli/commands/copy": "errors layout storage/transfer operations/copy cli cli/terminal " +
    "cli/commands/upload",
  "cli/commands/cache": "errors layout github storage/cache cli cli/terminal cli/commands/fetch",
  "cli/commands/runs": "errors layout runs runs/retention operations/{logs,prune,retained} " +
    "cli cli/terminal cli/commands/bisect",
  "cli/commands/bisect":
    "errors layout github storage/local operations/{artifacts,bisect} cli cli/fence " +
    "cli/terminal cli/commands/fetch",
  "cli/commands/serve": "errors threads operations/retained service service/{mirror,server} cli " +
    "cli/terminal cli/commands/runs",
  "cli/fence": "errors ownership threads layout storage/{local,s3} " +
    "archive/{tar,unpack} operations/fetch cli/terminal",
  "cli/program.ts": "errors cli cli/completions cli/terminal cli/commands cli/fence " +
    "cli/commands/{bisect,cache,copy,diff,fetch,find,runs,serve,upload,verify}",
  "cli/main.ts": "errors layout cli cli/fence cli/terminal cli/program.ts",
  "cli/worker.ts":
    "errors ownership threads storage/local archive/unpack operations/fetch cli cli/fence cli/terminal " +
    "cli/main.ts",
};

/** The room that a file below `src` is in: its directory, or itself where it is a room of its own. */
export function roomOf(file: string): string {
  const path = file.replace(/^src\//, "");
  return Object.hasOwn(ROOMS, path) ? path : dirname(path);
}

/** The rooms that an entry of {@linkcode ROOMS} names. */
export function expandRooms(text: string): string[] {
  return text.split(" ").filter((word) => word !== "").flatMap((word) => {
    const [, before, names] = /^(.*)\{(.*)\}$/.exec(word) ?? [];
    return names === undefined ? [word] : names.split(",").map((name) => before + name);
  });
}
