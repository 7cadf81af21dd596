/** What a terminal shows of an upload, a fetch and a verification, at two widths. */

import assert from "node:assert/strict";
import { basename } from "node:path/posix";
import {
  type Clock,
  type ProgressListener,
  withProgress,
} from "../../../src/cli/terminal/progress.ts";
import type { PlannedFile } from "../../../src/cli/terminal/transfer_state.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { FakeIo } from "../../support/fake_io.ts";
import { assertGolden } from "../../support/golden.ts";
import { screenOf } from "../../support/terminal_screen.ts";

const MB = 1_000_000;
const NAMES = [
  "base_lib_generic",
  "blas_lib_gfx94X-dcgpu",
  "miopen-plugin-provider_test_gfx950-dcgpu-asan",
  "rccl_dev_gfx942",
];

class Terminal extends FakeIo {
  override readonly stderrIsTerminal = true;
  readonly stderrWidth: () => number;

  constructor(width: number) {
    super();
    this.stderrWidth = () => width;
  }
}

/** The time of the test; nothing happens by itself. */
class Time implements Clock {
  ms = 0;
  now = () => this.ms;
  every = () => () => {};
}

/** A command: its files, and what has happened when the time is up. */
interface Scene {
  readonly verb: string;
  readonly files: readonly PlannedFile[];
  readonly keyOf?: (path: string) => string;
  play(listener: ProgressListener, isWhole: boolean): void;
}

const finish = (path: string, size: number) => ({
  type: "finish" as const,
  result: {
    location: new OutputLocation("bucket", "k"),
    path,
    size,
    outcome: "written" as const,
    warnings: [],
  },
});

/** Archives that are packed and sent: the first is done, the others are on their way. */
const UPLOAD: Scene = {
  verb: "uploaded",
  files: [
    ...NAMES.map((name) => ({ path: `build/artifacts/${name}`, madeFrom: 2400 * MB })),
    { path: "build/logs/therock-build.log", size: 3 * MB },
  ],
  play({ onEvent }, isWhole) {
    for (const [i, { path, madeFrom: of = 0 }] of this.files.entries()) {
      if (of === 0) {
        onEvent(finish(path, 3 * MB));
        continue;
      }
      const size = 800 * MB;
      onEvent({ type: "start", path });
      const isPacked = isWhole || i < 2;
      onEvent({ type: "made", path, bytes: isPacked ? of : 615.5 * MB, of });
      if (!isPacked) continue;
      onEvent({ type: "ready", path, size });
      onEvent({ type: "bytes", path, bytes: isWhole || i < 1 ? size : 123.4 * MB });
      if (isWhole || i < 1) onEvent(finish(path, size));
    }
  },
};

/** Archives that are downloaded, and unpacked as soon as they are there. */
const FETCH: Scene = {
  verb: "fetched",
  files: NAMES.map((name) => ({ path: `out/${name}.tar.zst`, size: 1234.5 * MB })),
  keyOf: (path) => basename(path),
  play({ onEvent, onUnpacked }, isWhole) {
    for (const [i, { path, size = 0 }] of this.files.entries()) {
      onEvent({ type: "start", path, size });
      onEvent({ type: "bytes", path, bytes: isWhole || i === 0 ? size : i * 111.1 * MB });
      if (!isWhole && i > 0) continue;
      onEvent(finish(path, size));
      onUnpacked(path, 3 * size);
    }
  },
};

/** Files of a run that are read; checksum files are not shown beside their archives. */
const VERIFY: Scene = {
  verb: "verified",
  files: NAMES.map((name) => ({ path: `${name}.tar.zst`, size: 1234.5 * MB })),
  play({ onEvent }, isWhole) {
    for (const [i, { path, size = 0 }] of this.files.entries()) {
      onEvent({ type: "start", path, size });
      onEvent({ type: "bytes", path, bytes: isWhole || i === 0 ? size : i * 111.1 * MB });
      if (isWhole || i === 0) onEvent(finish(path, size));
    }
  },
};

for (const [name, scene] of Object.entries({ upload: UPLOAD, fetch: FETCH, verify: VERIFY })) {
  for (const width of [80, 120]) {
    Deno.test(`${name}: the last state of its progress on a terminal of ${width} columns`, async () => {
      const pictures: string[] = [];
      for (const isWhole of [false, true]) {
        const [io, clock] = [new Terminal(width), new Time()];
        const { verb, files, keyOf } = scene;
        await withProgress({ verb, files, keyOf, io, quiet: false, clock }, (listener) => {
          scene.play(listener, isWhole);
          clock.ms = 20_000;
          return Promise.resolve();
        });
        const { beforeLastClear, wrapped } = screenOf(io.err, width);
        assert.equal(wrapped, 0, "a row is too long");
        assert(beforeLastClear.every((row) => [...row].length <= width));
        pictures.push(beforeLastClear.join("\n"));
      }
      await assertGolden(`terminal/${name}-${width}.txt`, `${pictures.join("\n\n")}\n`);
    });
  }
}
