import type { Tool } from '../contract.ts';
import type { DocumentPort } from '../http.ts';

const MATCHES = 5;

/** Searches the project's documents; the result has one line `1. TITLE - ADDRESS` a match, best first. */
export const searchTool = (ports: { readonly documents: DocumentPort }): Tool => ({
  declaration: {
    name: 'search',
    description: 'Search the documents and return the best matches.',
    parameters: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
  },
  effect: 'none',
  policy: 'repeat',
  async call(args, { signal }) {
    const found = await ports.documents(String(args.query), { limit: MATCHES, signal });
    if (found.length === 0) return 'No document matches.';
    return found.map((document, place) => `${place + 1}. ${document.title} - ${document.address}`).join('\n');
  },
});
