import { linkRoutes } from './approvals/link-routes.ts';
import { approvalRoutes } from './approvals/routes.ts';
import { controlRoutes } from './control/routes.ts';
import { demoRoutes } from './demo/routes.ts';
import { hookRoutes } from './hooks/routes.ts';
import type { AnyRoute } from './http/route.ts';
import { modelRoutes } from './models/routes.ts';
import { openApiRoute } from './openapi.ts';
import { connectionRoutes } from './routes/connections.ts';
import { credentialRoutes } from './routes/credentials.ts';
import { installationRoutes } from './routes/installation.ts';
import { pipelineRoutes } from './routes/pipelines.ts';
import { runRoutes } from './routes/runs.ts';
import { scheduleRoutes } from './schedule/routes.ts';
import { streamRoutes } from './stream/routes.ts';

const LISTED: readonly AnyRoute[] = [
  ...installationRoutes,
  ...pipelineRoutes,
  ...runRoutes,
  ...scheduleRoutes,
  ...controlRoutes,
  ...approvalRoutes,
  ...streamRoutes,
  ...connectionRoutes,
  ...credentialRoutes,
  ...modelRoutes,
  ...hookRoutes,
  ...linkRoutes,
  ...demoRoutes,
];

/** Paths that anybody may read, exactly these; see reliability rule R2. */
const PUBLIC: readonly string[] = ['/health', '/demo/', '/demo/start', '/demo/:word/:number'];

/** Every route of this server; what is not here does not exist (but for the files of the editor). */
export const ROUTES: readonly AnyRoute[] = [...LISTED, openApiRoute(() => ROUTES)];

/** Throws a line that names every route that does not say who may call it, or what it takes and answers. */
export function checkTable(routes: readonly AnyRoute[]): void {
  const problems = routes.flatMap((one, i) =>
    faultsOf(one, routes.slice(0, i)).map((fault) => `${one.method} ${one.path} ${fault}`),
  );
  if (problems.length > 0) throw new Error(`route table: ${problems.join('; ')}`);
}

function faultsOf(one: AnyRoute, before: readonly AnyRoute[]): string[] {
  const faults: [boolean, string][] = [
    [!['public', 'local', 'key', 'token'].includes(one.auth), 'has no auth'],
    [!['none', 'read', 'edit', 'run', 'manage', 'chat'].includes(one.permission), 'has no permission'],
    [!['installation', 'project'].includes(one.scope), 'has no scope'],
    [typeof one.summary !== 'string' || one.summary === '', 'has no summary'],
    [one.answer === undefined, 'does not say what it answers'],
    [one.answer === null && one.status !== 204, 'answers nothing but not with 204'],
    [/[:*]/.test(one.path) && one.params === undefined, 'has parameters without a schema'],
    [
      ['post', 'put'].includes(one.method) && one.body === undefined && one.rawBody === undefined,
      'does not say what it takes',
    ],
    [
      (one.auth === 'public') !== PUBLIC.includes(one.path),
      'is public and not on the list of public paths, or the other way round',
    ],
    [(one.auth === 'public') !== (one.permission === 'none'), 'is public with a permission, or not public without one'],
    [before.some((other) => other.method === one.method && other.path === one.path), 'stands there twice'],
  ];
  return faults.filter(([wrong]) => wrong).map(([, fault]) => fault);
}
