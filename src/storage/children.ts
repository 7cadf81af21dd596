/**
 * What is directly below a prefix, for storages that can only list everything.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { Child, ObjectInfo } from "./backend.ts";

/**
 * Reduces a complete listing to the objects and prefixes directly below the prefix.
 *
 * @param prefix What was listed.
 * @param objects All objects below it, in the order of their keys.
 * @returns The children, each once, in the order of {@linkcode StorageBackend.children}.
 */
export async function* childrenFrom(
  prefix: OutputLocation,
  objects: AsyncIterable<ObjectInfo>,
): AsyncGenerator<Child> {
  let last: string | undefined;
  for await (const info of objects) {
    const [name, below] = info.location.relativeTo(prefix)!.split("/", 2);
    if (below === undefined) yield { location: info.location, info };
    else if (name !== last) {
      last = name;
      yield { location: prefix.join(name) };
    }
  }
}
