import type { RunRowState } from '../contract.ts';
import type { PrismaClient } from '../generated/client.ts';
import type { RunModel } from '../generated/models.ts';
import type { RunRow, Runs, StepRow } from './contract.ts';
import { iso, pageOf } from './rows.ts';

const LIVE = ['queued', 'running', 'waiting'];

/** Names, numbers and waiting flags that stand in other tables, for a page of runs at once. */
async function describe(prisma: PrismaClient, runs: readonly RunModel[]): Promise<RunRow[]> {
  if (runs.length === 0) return [];
  const unique = (ids: readonly string[]): string[] => [...new Set(ids)];
  const living = runs.filter((run) => run.endedAt === null).map((run) => run.id);
  const [pipelines, revisions, steps] = await Promise.all([
    prisma.pipeline.findMany({
      where: { id: { in: unique(runs.map((run) => run.pipelineId)) } },
      select: { id: true, name: true },
    }),
    prisma.revision.findMany({
      where: { id: { in: unique(runs.map((run) => run.revisionId)) } },
      select: { id: true, number: true },
    }),
    living.length === 0
      ? []
      : prisma.step.groupBy({ by: ['runId', 'state'], where: { runId: { in: living }, state: { in: LIVE } } }),
  ]);
  const names = new Map(pipelines.map(({ id, name }) => [id, name]));
  const numbers = new Map(revisions.map(({ id, number }) => [id, number]));
  const waiting = new Set(steps.filter((step) => step.state === 'waiting').map((step) => step.runId));
  const active = new Set(steps.filter((step) => step.state !== 'waiting').map((step) => step.runId));
  return runs.map((run) => ({
    id: run.id,
    projectId: run.projectId,
    pipelineId: run.pipelineId,
    pipelineName: names.get(run.pipelineId) ?? '',
    revisionId: run.revisionId,
    revisionNumber: numbers.get(run.revisionId) ?? null,
    state: run.state as RunRowState,
    waiting: waiting.has(run.id) && !active.has(run.id),
    cancelRequested: run.cancelAt !== null,
    paused: run.pausedAt !== null,
    parent: run.parentRun === null ? null : { runId: run.parentRun, stepKey: run.parentStep ?? '' },
    rootRunId: run.rootRun,
    depth: run.depth,
    priority: run.priority,
    trigger: { node: run.triggerNode, kind: run.triggerKind },
    seq: run.seq,
    version: run.version,
    createdAt: run.createdAt.toISOString(),
    endedAt: iso(run.endedAt),
  }));
}

/** Reading of one project's runs. */
export function createRuns(prisma: PrismaClient, projectId: string): Runs {
  return {
    list: async ({ pipelineId, state, parentRunId, rootRunId, after, limit }) => {
      const rows = await prisma.run.findMany({
        where: {
          projectId,
          ...(pipelineId === undefined ? {} : { pipelineId }),
          ...(state === undefined ? {} : { state }),
          ...(parentRunId === undefined ? {} : { parentRun: parentRunId }),
          // the index of families has the children alone
          ...(rootRunId === undefined
            ? {}
            : { OR: [{ id: rootRunId }, { rootRun: rootRunId, parentRun: { not: null } }] }),
          ...(after === undefined ? {} : { id: { lt: after } }),
        },
        orderBy: { id: 'desc' },
        take: limit + 1,
      });
      return pageOf(await describe(prisma, rows), limit);
    },
    get: async (id) => {
      const row = await prisma.run.findFirst({ where: { id, projectId } });
      return row === null ? null : ((await describe(prisma, [row]))[0] ?? null);
    },
    some: async (ids) => describe(prisma, await prisma.run.findMany({ where: { id: { in: [...ids] }, projectId } })),
    steps: async (runId) => {
      const rows = await prisma.step.findMany({ where: { runId, projectId }, orderBy: { key: 'asc' } });
      return rows.map((row) => ({
        runId: row.runId,
        key: row.key,
        state: row.state as StepRow['state'],
        attempt: row.attempt,
        crashes: row.crashes,
        epoch: row.epoch,
        owner: row.owner,
        dueAt: iso(row.dueAt),
        stopAt: iso(row.stopAt),
      }));
    },
    blob: async (runId, sha256) => {
      const sha = Uint8Array.from(Buffer.from(sha256, 'hex'));
      if ((await prisma.blobRef.findFirst({ where: { runId, sha, projectId } })) === null) return null;
      const row = await prisma.blob.findUnique({ where: { sha }, select: { mediaType: true, bytes: true } });
      return row === null ? null : { mediaType: row.mediaType, bytes: Buffer.from(row.bytes) };
    },
  };
}
