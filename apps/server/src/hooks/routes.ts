import { z } from 'zod';
import { route } from '../http/route.ts';
import { receiveHook } from './hooks.ts';

const MOST_BYTES = 16 * 1024 * 1024;

/** Where the world starts runs. */
export const hookRoutes = [
  route({
    method: 'all',
    path: '/hooks/:token',
    auth: 'token',
    permission: 'run',
    scope: 'project',
    summary: 'Start a run of the pipeline that listens here; answered 2xx only once it stands in the journal',
    params: z.strictObject({ token: z.string().max(200) }),
    rawBody: MOST_BYTES,
    answer: z
      .json()
      .describe(
        'By the mode of the webhook: run id and status URL, the output of the run, or what its Respond step says.',
      ),
    handle: async ({ request, response, services }) => {
      await receiveHook(request, response, services);
      return undefined;
    },
  }),
];
