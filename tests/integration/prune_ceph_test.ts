/** `runs prune` killed on Ceph, and its lifecycle rules there. */

import assert from "node:assert/strict";
import {
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
} from "@aws-sdk/client-s3";
import { lifecycleRules } from "../../src/runs/retention/lifecycle.ts";
import { pruneKillSuite } from "../operations/prune/kill_suite.ts";
import { otherClient, realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) {
  pruneKillSuite("ceph", () => realS3(), { thinTimes: 6 });

  Deno.test("ceph accepts the lifecycle rules of a policy, and returns them", async () => {
    await using subject = await realS3();
    const { bucket: Bucket, url } = subject;
    const client = otherClient(url);
    const policy = { group_by: [], min_age_seconds: 0, older_than_seconds: 90 * 86_400 };
    const { configuration } = lifecycleRules(policy);
    const LifecycleConfiguration = { Rules: [...configuration.Rules] };
    await client.send(
      new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }),
    );
    const { Rules = [] } = await client.send(
      new GetBucketLifecycleConfigurationCommand({ Bucket }),
    );
    const byId = new Map(Rules.map((rule) => [rule.ID, rule]));
    assert.equal(byId.size, configuration.Rules.length);
    for (const { ID, ...rule } of configuration.Rules) {
      const found = byId.get(ID)!;
      assert.equal(found.Status, "Enabled");
      assert.equal(found.Expiration?.Days, rule.Expiration?.Days);
      assert.equal(
        found.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
        rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
      );
      assert.equal(
        found.NoncurrentVersionExpiration?.NoncurrentDays,
        rule.NoncurrentVersionExpiration?.NoncurrentDays,
      );
    }
    await client.send(new DeleteBucketLifecycleCommand({ Bucket }));
    client.destroy();
  });
}
