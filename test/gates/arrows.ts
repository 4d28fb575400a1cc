import { dirname, join } from 'node:path/posix';
import type { Import, Report, Source } from './source.ts';

/*
 * The import graph has exactly these arrows. `types` ones are of types alone. Tests may reach further (a real neighbour, the
 * harness), so only their cycles count.
 */
type Arrow = { readonly to: string; readonly types?: true };
const ALLOWED: Readonly<Record<string, readonly Arrow[]>> = {
  editor: [{ to: 'pipeline' }],
  server: [{ to: 'journal' }, { to: 'pipeline' }, { to: 'engine', types: true }],
  worker: [{ to: 'runtime' }, { to: 'journal' }],
  standalone: [{ to: 'journal' }],
  cli: [{ to: 'pipeline' }, { to: 'journal' }],
  runtime: [{ to: 'journal' }, { to: 'agent' }, { to: 'sandbox' }, { to: 'pipeline' }],
  agent: [
    { to: 'pipeline', types: true },
    { to: 'engine', types: true },
  ],
  journal: [{ to: 'pipeline' }],
  sandbox: [],
  pipeline: [],
  engine: [],
};

/** Libraries that one room keeps to itself. */
const KEPT: readonly { readonly library: RegExp; readonly by: RegExp; readonly why: string }[] = [
  {
    library: /^(@prisma\/|pg$)/,
    by: /^packages\/journal\/|^packages\/runtime\/src\/nodes\/postgres\.ts$/,
    why: 'only journal touches Postgres, and the node that asks databases of users',
  },
  {
    library: /^(bullmq|ioredis)$/,
    by: /^packages\/runtime\/src\/dispatch/,
    why: 'the queue is a doorbell behind runtime/dispatch',
  },
  { library: /^(react|react-dom|@xyflow\/react)(\/|$)/, by: /^apps\/editor\//, why: 'only the editor draws' },
  { library: /^express$/, by: /^apps\/server\//, why: 'only the server serves' },
];

/** Room of a file: the folder below apps/ or packages/, or engine; null for test/. */
function roomOf(path: string): string | null {
  const [first = '', second = ''] = path.split('/');
  if (first === 'engine') return 'engine';
  return first === 'apps' || first === 'packages' ? second : null;
}

type Edge = { readonly from: string; readonly to: string; readonly found: Import; readonly file: string };

function edgesOf(source: Source, paths: ReadonlySet<string>): readonly Edge[] {
  const from = roomOf(source.path);
  if (from === null) return [];
  return source.imports.flatMap((found) => {
    const named = /^@switchyard\/([a-z]+)/.exec(found.specifier)?.[1];
    const target =
      named ?? (found.specifier.startsWith('.') ? roomOf(resolveFile(source.path, found.specifier, paths)) : null);
    return target === null || target === from ? [] : [{ from, to: target, found, file: source.path }];
  });
}

function resolveFile(from: string, specifier: string, paths: ReadonlySet<string>): string {
  const plain = join(dirname(from), specifier);
  const candidates = [plain, `${plain}.ts`, `${plain}.tsx`, `${plain}/index.ts`];
  return candidates.find((path) => paths.has(path)) ?? plain;
}

/** Arrows outside the list, of the wrong kind, and listed ones that no file uses; libraries outside their room. */
export function checkArrows(sources: readonly Source[]): Report {
  const product = sources.filter((source) => !source.isTest);
  const paths = new Set(sources.map((source) => source.path));
  const edges = product.flatMap((source) => edgesOf(source, paths));
  const problems = [
    ...edges.flatMap((edge) => {
      const problem = problemOf(edge);
      return problem === null ? [] : [`${edge.file}:${edge.found.line} imports ${edge.found.specifier}: ${problem}`];
    }),
    ...product.flatMap(strayLibraries),
    ...unusedArrows(edges),
  ];
  const looked = `${product.length} files, ${edges.length} imports between rooms`;
  return { gate: 'arrows', looked, count: edges.length, problems };
}

function problemOf({ from, to, found }: Edge): string | null {
  const arrow = ALLOWED[from]?.find((one) => one.to === to);
  if (arrow === undefined) return `no arrow ${from} → ${to}`;
  if (arrow.types && !found.typeOnly) return `${from} ⇢ ${to} is of types only`;
  if (to === 'engine' && found.specifier !== '@switchyard/engine/wire') return 'only /wire may be seen';
  return found.specifier.startsWith('.') ? 'another room is imported by its name' : null;
}

function strayLibraries(source: Source): readonly string[] {
  return source.imports.flatMap(({ specifier, line }) => {
    const kept = KEPT.find(({ library, by }) => library.test(specifier) && !by.test(source.path));
    return kept === undefined ? [] : [`${source.path}:${line} imports ${specifier}: ${kept.why}`];
  });
}

function unusedArrows(edges: readonly Edge[]): readonly string[] {
  const used = new Set(edges.map(({ from, to }) => `${from} → ${to}`));
  const listed = Object.entries(ALLOWED).flatMap(([from, arrows]) =>
    arrows.filter(({ types }) => !types).map(({ to }) => `${from} → ${to}`),
  );
  return listed
    .filter((arrow) => !used.has(arrow))
    .map((arrow) => `the arrow ${arrow} is allowed and not used: take it off the list`);
}

/** Groups of files that import each other in a ring, types and dynamic imports counted (Tarjan's strongly connected components). */
export function checkCycles(sources: readonly Source[]): Report {
  const paths = new Set(sources.map((source) => source.path));
  const graph = new Map(
    sources.map((source) => {
      const relative = source.imports.filter(({ specifier }) => specifier.startsWith('.'));
      return [
        source.path,
        relative.map(({ specifier }) => resolveFile(source.path, specifier, paths)).filter((to) => paths.has(to)),
      ];
    }),
  );
  const arrows = [...graph.values()].reduce((sum, list) => sum + list.length, 0);
  const problems = components(graph)
    .filter((ring) => ring.length > 1 || graph.get(ring[0] ?? '')?.includes(ring[0] ?? ''))
    .map((ring) => `these import each other: ${ring.join(', ')}`);
  return { gate: 'cycles', looked: `${sources.length} files, ${arrows} imports`, count: arrows, problems };
}

function components(graph: ReadonlyMap<string, readonly string[]>): readonly string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const rings: string[][] = [];
  const connect = (file: string): void => {
    order.set(file, order.size);
    low.set(file, order.size - 1);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!order.has(next)) connect(next);
      const reached = stack.includes(next) ? (low.get(next) ?? 0) : Number.POSITIVE_INFINITY;
      low.set(file, Math.min(low.get(file) ?? 0, reached));
    }
    if (low.get(file) === order.get(file)) rings.push(stack.splice(stack.indexOf(file)));
  };
  for (const file of graph.keys()) if (!order.has(file)) connect(file);
  return rings;
}
