import { z } from 'zod';
import type { NodeContext, NodeOutcome } from '../contract.ts';

const Config = z.object({ query: z.string(), limit: z.number() });

/** Finds documents of the project, best first. */
export async function runSearch({ config, ports }: NodeContext): Promise<NodeOutcome> {
  const { query, limit } = Config.parse(config);
  // Postgres takes no NUL in text.
  const hits = await ports.documents.search(query.replaceAll('\0', ' '), limit);
  return { output: { hits: hits.map((hit) => ({ ...hit })) }, ports: ['out'] };
}
