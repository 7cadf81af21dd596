import { LocalBackend } from "../../../src/storage/local/local.ts";
import { tempDir } from "../../support/temp_dir.ts";
import { backendSuite } from "../backend_suite.ts";

for (const encodeNames of [false, true]) {
  backendSuite(encodeNames ? "local, names for Windows" : "local", async () => {
    const dir = await tempDir();
    return {
      backend: new LocalBackend(dir.path, { encodeNames }),
      bucket: "suite",
      [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
    };
  });
}
