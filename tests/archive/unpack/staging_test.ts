/** Where archives are unpacked first, on disks that are unlike the usual ones. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Staging } from "../../../src/archive/unpack/staging.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { tempDir } from "../../support/temp_dir.ts";

/** Like a mount that gives everything the mode 0777: CIFS, or a Windows disk in WSL. */
function withoutModes(): Disposable {
  const { mkdir, chmod } = Deno;
  Deno.mkdir = async (path, options) => {
    await mkdir(path, options);
    await chmod(path, 0o777);
  };
  Deno.chmod = () => Promise.resolve();
  return { [Symbol.dispose]: () => void Object.assign(Deno, { mkdir, chmod }) };
}

Deno.test({
  name: "Staging: a mount that gives all files one mode can be used",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "staging");
    using _mount = withoutModes();
    await using staging = await Staging.open(path, join(dir.path, "out"));
    assert.equal((await Deno.stat(staging.path)).mode! & 0o777, 0o777);
  },
});

Deno.test({
  name: "Staging: a directory that other users may write to is rejected where modes count",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "staging");
    await Deno.mkdir(path);
    await Deno.chmod(path, 0o777);
    await assert.rejects(
      Staging.open(path, join(dir.path, "out")),
      (error) => error instanceof RunOutputsError && /may write to it/.test(error.message),
    );
  },
});
