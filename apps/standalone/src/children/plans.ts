import { join } from 'node:path';
import type { Environment, StandaloneConfig } from '../config.ts';
import type { System } from '../system.ts';
import type { ChildPlan } from './child.ts';
import { openLogFile } from './log-file.ts';

const HEALTH_MS = 5_000;

/** What this start decided: addresses and keys that children share. */
export type Wiring = {
  readonly databaseUrl: string;
  readonly secretKey: string;
  readonly port: number;
  readonly enginePort: number;
  readonly engineKey: string;
};

/** Our variables that each child needs; of the rest of the environment all get everything (PATH, proxies, TZ …). */
const ENGINE = ['SWITCHYARD_MODEL', 'SWITCHYARD_LOG'];
const WORKER = [
  ...['REDIS_URL', 'SWITCHYARD_FAST_PATH', 'SWITCHYARD_CONCURRENCY', 'SWITCHYARD_ALLOW_ORIGINS', 'SWITCHYARD_LOG'],
  'SWITCHYARD_CRASH',
];
const SERVER = ['SWITCHYARD_ALLOW_ORIGINS', 'SWITCHYARD_LOG', 'SWITCHYARD_CRASH'];
const OURS = /^(DATABASE_URL|REDIS_URL|SWITCHYARD_.*)$/;

/** The three processes of the product, in the order in which they are of use to each other. */
export function planChildren(
  config: StandaloneConfig,
  wiring: Wiring,
  environment: Environment,
  system: System,
): readonly ChildPlan[] {
  const logs = join(config.data, 'logs');
  const give = (names: readonly string[], own: Record<string, string>): NodeJS.ProcessEnv => ({
    ...Object.fromEntries(Object.entries(environment).filter(([name]) => !OURS.test(name) || names.includes(name))),
    NODE_ENV: 'production',
    ...own,
  });
  const shared = {
    DATABASE_URL: wiring.databaseUrl,
    SWITCHYARD_SECRET_KEY: wiring.secretKey,
    SWITCHYARD_HOST: config.host,
    SWITCHYARD_PORT: String(wiring.port),
    SWITCHYARD_DATA: config.data,
    ...(config.publicUrl === undefined ? {} : { SWITCHYARD_PUBLIC_URL: config.publicUrl }),
  };
  const engine = { SWITCHYARD_ENGINE_PORT: String(wiring.enginePort), SWITCHYARD_ENGINE_KEY: wiring.engineKey };
  const plan = (name: string, main: string, env: NodeJS.ProcessEnv): ChildPlan => ({
    name,
    args: ['--import', new URL('./leash.js', import.meta.url).href, join(config.root, main)],
    environment: env,
    directory: config.root,
    log: openLogFile(logs, name, system),
  });
  return [
    {
      ...plan('engine', 'engine/dist/main.js', give(ENGINE, engine)),
      health: () => system.answers(`http://127.0.0.1:${wiring.enginePort}/health`, { ms: HEALTH_MS }),
    },
    { ...plan('worker', 'apps/worker/dist/main.js', give(WORKER, shared)), readyLine: /"ready":"worker"/ },
    {
      ...plan('server', 'apps/server/dist/main.js', give(SERVER, shared)),
      health: () => system.answers(`http://${reachable(config.host)}:${wiring.port}/health`, { ms: HEALTH_MS }),
    },
  ];
}

/** An address that a listener on `host` answers from this machine, as it stands in a URL. */
export function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
