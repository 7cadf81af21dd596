/** Random histories of runs, on every kind of storage. */

import { cases } from "../../support/cases.ts";
import { STORAGES } from "../../support/retained.ts";
import { historySuite } from "./history_suite.ts";

historySuite("memory", STORAGES.memory, cases(600, 60));
historySuite("disk", STORAGES.disk, cases(40, 4));
historySuite("s3", STORAGES.s3, cases(20, 2));
