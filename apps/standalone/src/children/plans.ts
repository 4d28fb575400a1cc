import { join } from 'node:path';
import type { Environment, StandaloneConfig } from '../config.ts';
import type { System } from '../system.ts';
import type { ChildPlan } from './child.ts';
import { openLogFile } from './log-file.ts';

/** What this start decided: addresses and keys that children share. */
export type Wiring = {
  readonly databaseUrl: string;
  readonly secretKey: string;
  readonly port: number;
  readonly enginePort: number;
  readonly engineKey: string;
};

/** Our variables that each child needs; of the rest of the environment all get everything (PATH, proxies, TZ …). */
const ENGINE = ['SWITCHYARD_MODEL'];
const WORKER = [
  ...['REDIS_URL', 'SWITCHYARD_FAST_PATH', 'SWITCHYARD_CONCURRENCY', 'SWITCHYARD_ALLOW_ORIGINS'],
  ...['SWITCHYARD_WORKER_PORT', 'SWITCHYARD_METRICS', 'SWITCHYARD_CRASH'],
];
const SERVER = ['SWITCHYARD_FAST_PATH', 'SWITCHYARD_ALLOW_ORIGINS', 'SWITCHYARD_METRICS', 'SWITCHYARD_CRASH'];
const OURS = /^(DATABASE_URL|REDIS_URL|SWITCHYARD_.*)$/;

/** What this start is made of. */
export type Setting = { readonly config: StandaloneConfig; readonly environment: Environment; readonly system: System };

/** The engine; it needs no database and may start before there is one. */
export function planEngine(setting: Setting, wiring: Pick<Wiring, 'enginePort' | 'engineKey'>): ChildPlan {
  const own = { SWITCHYARD_ENGINE_PORT: String(wiring.enginePort), SWITCHYARD_ENGINE_KEY: wiring.engineKey };
  return {
    ...plan(setting, { name: 'engine', main: 'engine/dist/main.js', keep: ENGINE, own }),
    health: (ms) => setting.system.answers(`http://127.0.0.1:${wiring.enginePort}/health`, { ms }),
  };
}

/** Worker and server; they find a migrated database. */
export function planHouse(setting: Setting, wiring: Wiring): readonly ChildPlan[] {
  const { config, system } = setting;
  const own = {
    DATABASE_URL: wiring.databaseUrl,
    SWITCHYARD_SECRET_KEY: wiring.secretKey,
    SWITCHYARD_HOST: config.host,
    SWITCHYARD_PORT: String(wiring.port),
    SWITCHYARD_DATA: config.data,
    ...(config.publicUrl === undefined ? {} : { SWITCHYARD_PUBLIC_URL: config.publicUrl }),
  };
  return [
    {
      ...plan(setting, { name: 'worker', main: 'apps/worker/dist/main.js', keep: WORKER, own }),
      readyLine: /"ready":"worker"/,
    },
    {
      ...plan(setting, { name: 'server', main: 'apps/server/dist/main.js', keep: SERVER, own }),
      health: (ms) => system.answers(`http://${reachable(config.host)}:${wiring.port}/health`, { ms }),
    },
  ];
}

type Part = {
  readonly name: string;
  readonly main: string;
  /** Our variables that pass through as they came. */
  readonly keep: readonly string[];
  /** Variables set here. */
  readonly own: Readonly<Record<string, string>>;
};

function plan({ config, environment, system }: Setting, { name, main, keep, own }: Part): ChildPlan {
  const passed = Object.entries(environment).filter(([variable]) => !OURS.test(variable) || keep.includes(variable));
  return {
    name,
    args: ['--import', new URL('./leash.js', import.meta.url).href, join(config.root, main)],
    environment: { ...Object.fromEntries(passed), NODE_ENV: 'production', ...own },
    directory: config.root,
    log: openLogFile(join(config.data, 'logs'), name, system),
  };
}

/** An address that a listener on `host` answers from this machine, as it stands in a URL. */
export function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
