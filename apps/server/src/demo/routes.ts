import type { Request } from 'express';
import { z } from 'zod';
import wordings from '../../ready/pages.json' with { type: 'json' };
import { ApiError } from '../http/api-error.ts';
import { route } from '../http/route.ts';
import { MAX_LINKS, type Page, type PageName, pagesOf } from './pages.ts';

const { pageLines, lastPageLines } = wordings;
const SAMPLES = [1, 2, 3, 4, 10, 40];

const Start = z.strictObject({ start: z.string(), thing: z.string(), links: z.number().int() });

/** Address of a page as the caller reaches this server, so that pages link on behind any port or name. */
function addressOf(request: Request, { word, number }: PageName): string {
  return `http://${request.headers.host ?? ''}/demo/${word}/${number}`;
}

/** Port in the Host header: it stands in every address, so the numbers of pages avoid it. */
const portOf = (request: Request): number => Number(/:(\d{1,5})$/.exec(request.headers.host ?? '')?.[1] ?? 80);

function startOf(request: Request, links: number, seed: number): z.infer<typeof Start> {
  const { page, thing } = pagesOf(portOf(request)).start(links, seed);
  return { start: addressOf(request, page), thing, links };
}

function textOf(request: Request, page: Page): string {
  if (page.kind === 'link')
    return (pageLines[page.line % pageLines.length] ?? '').replace('{url}', addressOf(request, page.next));
  const line = lastPageLines[page.line % lastPageLines.length] ?? '';
  return line.replace('{thing}', page.thing).replace('{code}', page.code);
}

/** Pages for a ready pipeline to walk along. */
export const demoRoutes = [
  route({
    method: 'get',
    path: '/demo/',
    auth: 'public',
    permission: 'none',
    scope: 'installation',
    summary: 'Sample chains of pages, of several lengths',
    answer: z.strictObject({ about: z.string(), samples: z.array(Start) }),
    handle: ({ request }) => ({
      about: `Chains of pages, each naming the next. Another: /demo/start?links=N&seed=S, N from 1 to ${MAX_LINKS}.`,
      samples: SAMPLES.map((links) => startOf(request, links, links)),
    }),
  }),
  route({
    method: 'get',
    path: '/demo/start',
    auth: 'public',
    permission: 'none',
    scope: 'installation',
    summary: 'Where a chain of this many links starts, and what stands at its end',
    query: z.object({
      links: z.coerce.number().int().min(1).max(MAX_LINKS).default(3),
      seed: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(1),
    }),
    answer: Start,
    handle: ({ request, query }) => startOf(request, query.links, query.seed),
  }),
  route({
    method: 'get',
    path: '/demo/:word/:number',
    auth: 'public',
    permission: 'none',
    scope: 'installation',
    summary: 'A page: one line of text',
    params: z.strictObject({ word: z.string().max(40), number: z.string().max(12) }),
    answer: z.string().meta({ contentType: 'text/plain' }),
    handle: ({ request, response, params }) => {
      const number = /^\d{3}$/.test(params.number) ? Number(params.number) : Number.NaN;
      const page = pagesOf(portOf(request)).read({ word: params.word, number });
      if (request.headers.host === undefined) throw new ApiError(400, 'wrong_host', 'Send a Host header.');
      response.type('text/plain').status(page === null ? 404 : 200);
      response.send(page === null ? 'There is no such page.' : textOf(request, page));
      return undefined;
    },
  }),
];
