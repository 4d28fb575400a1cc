import { z } from 'zod';
import { route } from '../http/route.ts';
import { forward, listModels } from './forward.ts';

const MOST_BYTES = 16 * 1024 * 1024;

/** The OpenAI protocol in front of all model connections. */
export const modelRoutes = [
  route({
    method: 'get',
    path: '/v1/models',
    auth: 'key',
    permission: 'chat',
    scope: 'project',
    summary: 'Models of all connections',
    answer: z.looseObject({ object: z.literal('list'), data: z.array(z.looseObject({ id: z.string() })) }),
    handle: ({ services }) => listModels(services),
  }),
  route({
    method: 'all',
    path: '/v1/*rest',
    auth: 'key',
    permission: 'chat',
    scope: 'project',
    summary: 'Pass a request on to the model connection it names, else to the default one; streams both ways',
    params: z.strictObject({ rest: z.array(z.string()) }),
    rawBody: MOST_BYTES,
    answer: z.json().describe('As the model’s server answers.'),
    handle: async ({ request, response, services }) => {
      await forward(request, response, services);
      return undefined;
    },
  }),
];
