import type { PruneAnswer } from './database-contract.ts';
import type { Sender, Statement } from './send.ts';

const PRUNE: Statement = { name: 'prune', text: 'select * from prune($1)' };

/** Families in one transaction: short enough that nobody waits for it, long enough to keep up. */
const FAMILIES = 100;
/** Transactions in one call; the rest has time until the next minute. */
const BATCHES = 200;

type PruneRow = {
  readonly runs: number;
  readonly run_bytes: string;
  readonly blobs: number;
  readonly blob_bytes: string;
};

/** Deletes batch by batch until nothing is left to delete now, or this call has done its share. */
export async function prune({ send }: Sender): Promise<PruneAnswer> {
  let gone: PruneAnswer = { runs: 0, runBytes: 0, blobs: 0, blobBytes: 0 };
  for (let batch = 0; batch < BATCHES; batch++) {
    const [row] = await send<PruneRow>(PRUNE, [FAMILIES]);
    if (row === undefined || row.runs + row.blobs === 0) break;
    gone = {
      runs: gone.runs + row.runs,
      runBytes: gone.runBytes + Number(row.run_bytes),
      blobs: gone.blobs + row.blobs,
      blobBytes: gone.blobBytes + Number(row.blob_bytes),
    };
  }
  return gone;
}
