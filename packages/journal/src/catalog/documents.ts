import type { PrismaClient } from '../generated/client.ts';
import type { DocumentHit, Documents } from './contract.ts';

/** The knowledge base of one project: Postgres full text, English stems, ranked by cover density. */
export function createDocuments(prisma: PrismaClient, projectId: string): Documents {
  /** Hits of a tsquery given as text. The expression is that of the index `document_words`. */
  const hits = (query: string, limit: number): Promise<DocumentHit[]> => prisma.$queryRaw<DocumentHit[]>`
    select title, address, ts_headline('english', text, query, 'StartSel="", StopSel="", MaxFragments=2, MaxWords=40, MinWords=15, FragmentDelimiter=" … "') as excerpt
      from (select d.title, d.address, d.text, query, ts_rank_cd(to_tsvector('english', d.title || ' ' || d.text), query) as rank
              from document d, cast(${query} as tsquery) query
             where d.project_id = ${projectId}::uuid and to_tsvector('english', d.title || ' ' || d.text) @@ query
             order by rank desc, d.id limit ${limit}) best
     order by rank desc`;
  return {
    upsert: async ({ slug, title, address, text }) => {
      const data = { title, address, text };
      await prisma.document.upsert({
        where: { projectId_slug: { projectId, slug } },
        create: { projectId, slug, ...data },
        update: data,
      });
    },
    search: async (query, limit) => {
      const [parsed] = await prisma.$queryRaw<{ all: string; any: string }[]>`
        select websearch_to_tsquery('english', ${query})::text as all, replace(plainto_tsquery('english', ${query})::text, ' & ', ' | ') as any`;
      if (parsed === undefined || parsed.all === '') return [];
      const all = await hits(parsed.all, limit);
      return all.length > 0 || parsed.any === '' ? all : hits(parsed.any, limit);
    },
    remove: async (slug) => (await prisma.document.deleteMany({ where: { projectId, slug } })).count === 1,
  };
}
