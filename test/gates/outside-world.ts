import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Report, ROOT, type Source, visitNodes } from './source.ts';

const MOST_VARIABLES = 20;
const VARIABLE = /\b(DATABASE_URL|REDIS_URL|SWITCHYARD_[A-Z_]+)\b/g;

/** Only main.ts and config.ts read the environment, at most 20 variables in all, each in the README's table. */
export function checkEnvironment(sources: readonly Source[]): Report {
  const product = sources.filter((source) => !source.isTest);
  const problems: string[] = [];
  const names = new Set<string>();
  for (const source of product) {
    const edge = /(^|\/)(main|config)\.tsx?$/.test(source.path);
    if (edge) for (const [name] of source.text.matchAll(VARIABLE)) names.add(name);
    visitNodes(source.program, (node) => {
      if (edge || node.type !== 'MemberExpression' || source.text.slice(node.start, node.end) !== 'process.env') return;
      problems.push(`${source.path}:${source.lineOf(node.start)} reads process.env; only main.ts and config.ts do`);
    });
  }
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  for (const name of names)
    if (!readme.includes(`| \`${name}\``)) problems.push(`${name} is not in the README's table`);
  if (names.size > MOST_VARIABLES)
    problems.push(`${names.size} variables; the whole product has at most ${MOST_VARIABLES}`);
  return {
    gate: 'environment',
    looked: `${product.length} files, ${names.size} variables`,
    count: names.size,
    problems,
  };
}

/** Files that touch time, chance or the network besides `system.ts`, `outbound/` and `main.ts`, each with its reason. */
const EDGES: Readonly<Record<string, string>> = {
  'apps/standalone/src/ports.ts': 'asks the system for a free port',
  'engine/host/server.ts': 'the HTTP server itself',
  'engine/host/model-worker.ts': 'setImmediate lets messages in between two tokens; nothing waits for a time',
  'packages/agent/src/scripted/model-server.ts': 'the scripted model that suites use, reached over real HTTP',
  'apps/server/src/testing/test-server.ts': 'the server on a port of its own, for suites',
  'packages/agent/src/scripted/ports.ts': 'the ports that suites give to the loop',
};

const EDGE_FILE = /(^|\/)(system|main|realtime)\.tsx?$|\/outbound\//;
const BARRED_CALLS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'fetch']);
const BARRED_MEMBERS = new Set(['Date.now', 'Math.random', 'performance.now', 'crypto.randomUUID', 'globalThis.fetch']);
const BARRED_MODULES = /^(node:)?(http|https|http2|timers|timers\/promises)$|^undici$/;

/** Clock, chance, timers and the network are parameters: their globals stand only at the edges. */
export function checkBarredGlobals(sources: readonly Source[]): Report {
  const inside = sources.filter(
    (source) =>
      !source.isTest && !/\/scripts\//.test(source.path) && !EDGE_FILE.test(source.path) && !(source.path in EDGES),
  );
  const problems: string[] = [];
  for (const path of Object.keys(EDGES)) {
    if (!sources.some((source) => source.path === path))
      problems.push(`${path} is on the list of edges and does not exist`);
  }
  for (const source of inside) problems.push(...barredIn(source));
  return { gate: 'barred globals', looked: `${inside.length} files`, count: inside.length, problems };
}

function barredIn(source: Source): readonly string[] {
  const found: string[] = [];
  const add = (offset: number, what: string): void =>
    void found.push(`${source.path}:${source.lineOf(offset)} uses ${what}; take it as a parameter (system.ts)`);
  for (const { specifier, typeOnly, line } of source.imports) {
    if (!typeOnly && BARRED_MODULES.test(specifier))
      found.push(`${source.path}:${line} imports ${specifier}; only the edges do`);
  }
  visitNodes(source.program, (node) => {
    if (node.type === 'CallExpression' && node.callee.type === 'Identifier' && BARRED_CALLS.has(node.callee.name))
      add(node.start, node.callee.name);
    if (
      node.type === 'NewExpression' &&
      node.callee.type === 'Identifier' &&
      node.callee.name === 'Date' &&
      node.arguments.length === 0
    )
      add(node.start, 'new Date()');
    const text = node.type === 'MemberExpression' ? source.text.slice(node.start, node.end) : '';
    if (BARRED_MEMBERS.has(text)) add(node.start, text);
  });
  return found;
}
