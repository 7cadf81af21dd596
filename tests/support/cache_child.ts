/**
 * A process that takes contents from a cache. It says each step on stdout, and each byte on its
 * stdin lets it go one step further.
 *
 * Arguments: the cache directory, its bound, and each content to take.
 *
 * - A content that has to be made is told as `make TEXT`, written by half as `half TEXT`, and after
 *   the next byte of stdin it is whole.
 * - `wait TEXT` tells of a wait, `got ORIGIN RESUMED TEXT` that a file is there. `failed MESSAGE` that there is none. All are held until a further byte comes, or the end.
 *
 * @module
 */

import { ContentCache } from "../../src/storage/cache/content_cache.ts";
import { sha256 } from "./bytes.ts";

const [dir, maxBytes, ...contents] = Deno.args;
const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
const step = () => Deno.stdin.read(new Uint8Array(1));
const cache = await ContentCache.open(dir, {
  maxBytes: Number(maxBytes),
  onNote: (note) => say(`note ${note}`),
});
await using held = new AsyncDisposableStack();
for (const text of contents) {
  const file = await cache.take({ sha256: sha256(text), size: text.length }, async (path) => {
    const had = await Deno.readTextFile(`${path}.part`).catch(() => "");
    say(`make ${text}`);
    if (had === "") await Deno.writeTextFile(`${path}.part`, text.slice(0, text.length / 2));
    say(`half ${text}`);
    await step();
    await Deno.writeTextFile(`${path}.part`, text.slice(text.length / 2), { append: true });
    await Deno.rename(`${path}.part`, path);
    return { resumed: had.length };
  }, { onWait: () => say(`wait ${text}`) }).catch((error) => {
    say(`failed ${error.message}`);
  });
  if (file === undefined) continue;
  held.use(file);
  say(`got ${file.origin} ${file.resumed ?? 0} ${await Deno.readTextFile(file.path)}`);
}
await step();
