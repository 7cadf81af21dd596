/** Random histories of runs, on every kind of storage. */

import { cases } from "../../support/cases.ts";
import { STORAGES } from "../../support/retained.ts";
import { historySuite } from "./history_suite.ts";

historySuite("memory", STORAGES.memory, cases(200, 20));
historySuite("disk", STORAGES.disk, cases(30, 3));
historySuite("s3", STORAGES.s3, cases(16, 2));
