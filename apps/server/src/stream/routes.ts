import { z } from 'zod';
import { route } from '../http/route.ts';
import { openStream } from './stream.ts';

/** The one live stream of a client. */
export const streamRoutes = [
  route({
    method: 'get',
    path: '/api/stream',
    auth: 'local',
    permission: 'read',
    scope: 'project',
    summary: 'Server-sent events of all topics in the query (run:ID@SEQ, runs), resumable by Last-Event-ID',
    query: z.object({ topic: z.union([z.string(), z.array(z.string())]) }),
    answer: z.string().meta({ contentType: 'text/event-stream' }),
    handle: ({ request, response, services }) => {
      openStream(request, response, services);
      return undefined;
    },
  }),
];
