import type { RequestListener, ServerResponse } from 'node:http';
import type { Metrics } from '@switchyard/journal';
import type { WorkerHealth } from '@switchyard/runtime';

/**
 * `GET /ready`: 200 while the worker can take work, else 503. `GET /live`: 200 until the database has been gone for a
 * minute, then 503: a supervisor may start it anew. Both answer with the reasons. `GET /metrics`: where they are on, the
 * numbers of this process.
 */
export const answerHealth =
  (health: () => WorkerHealth, metrics: Metrics | null = null): RequestListener =>
  (request, response) => {
    if (metrics !== null && request.url === '/metrics') return void tell(metrics, response);
    const now = health();
    const asked = request.url === '/ready' ? now.ready : request.url === '/live' ? now.live : null;
    response.statusCode = asked === null ? 404 : asked ? 200 : 503;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(asked === null ? { error: { code: 'unknown_route' } } : now));
  };

async function tell(metrics: Metrics, response: ServerResponse): Promise<void> {
  const { contentType, body } = await metrics.text();
  response.setHeader('content-type', contentType);
  response.end(body);
}
