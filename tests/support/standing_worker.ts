/**
 * The thread of a command, standing still where `standstill.ts` says.
 *
 * @module
 */

import "./standstill.ts";
import "../../src/cli/worker.ts";
