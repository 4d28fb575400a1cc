import type { PrismaClient } from '../generated/client.ts';
import { contentHash } from './content-hash.ts';
import type { RevisionRow, Revisions } from './contract.ts';
import { pinsOf, storedPins } from './pins.ts';
import { isTaken, jsonOf, revisionOf, revisionSummaryOf } from './rows.ts';

const REMEMBERED = 200;

/** Revisions of one project. Documents never change, so they are read once; `forget` drops one whose number has changed. */
export function createRevisions(
  prisma: PrismaClient,
  projectId: string,
): Revisions & { readonly forget: (id: string) => void } {
  const remembered = new Map<string, RevisionRow>();
  const remember = (row: RevisionRow): RevisionRow => {
    remembered.delete(row.id);
    remembered.set(row.id, row);
    const [oldest] = remembered.keys();
    if (remembered.size > REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    return row;
  };
  const byHash = async (pipelineId: string, hash: string): Promise<RevisionRow | null> => {
    const row = await prisma.revision.findUnique({ where: { pipelineId_hash: { pipelineId, hash } } });
    return row === null ? null : remember(revisionOf(row));
  };
  return {
    forget: (id) => void remembered.delete(id),
    get: async (id) => {
      const known = remembered.get(id);
      if (known !== undefined) return remember(known);
      const row = await prisma.revision.findFirst({ where: { id, projectId } });
      return row === null ? null : remember(revisionOf(row));
    },
    list: async (pipelineId) => {
      const rows = await prisma.revision.findMany({
        where: { pipelineId, projectId, number: { not: null } },
        orderBy: { number: 'desc' },
        select: { id: true, pipelineId: true, number: true, hash: true, createdAt: true },
      });
      return rows.map(revisionSummaryOf);
    },
    snapshot: async (pipelineId, document) => {
      const pins = await pinsOf(prisma, { id: pipelineId, projectId }, document);
      const hash = contentHash(document, pins);
      const found = await byHash(pipelineId, hash);
      if (found !== null) return found;
      try {
        return remember(
          revisionOf(
            await prisma.revision.create({
              data: { projectId, pipelineId, hash, document: jsonOf(document), ...storedPins(pins) },
            }),
          ),
        );
      } catch (error) {
        const other = isTaken(error) ? await byHash(pipelineId, hash) : null; // another click was faster
        if (other === null) throw error;
        return other;
      }
    },
  };
}
