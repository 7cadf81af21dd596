/**
 * Runs the test files of this directory in one isolate.
 *
 * @module
 */

import { loadTogether } from "../../support/load_together.ts";

await loadTogether("tests/cli/commands");
