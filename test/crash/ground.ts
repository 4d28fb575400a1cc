import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { armCrashPoint, type Database, openDatabase } from '@switchyard/journal';
import type { EventBody } from '@switchyard/pipeline';
import { type Fired, openParts, type PartProcess, type Parts, startPart } from '../harness/parts.ts';
import { freePort, until } from '../harness/product.ts';
import { type Sink, startSink } from '../harness/sink.ts';
import { documentOf, SCRIPTS, type Script } from './scripts.ts';

/*
 * Where processes are killed: Postgres, a server, a worker and a model server, each a process of its own, and a sink that
 * counts what runs do to the world. One kill after another; only what was killed is started again.
 *
 * A process is armed with a crash point when it starts. Where a worker kills itself, the next worker finishes its run.
 */

/** What can be killed. */
export type Victim = 'worker' | 'server' | 'engine' | 'postgres';
/** Whose crash point it is; `harness`: of this process, which speaks for a server where people would. */
export type Writer = 'worker' | 'server' | 'harness';
/** One kill: the crash point, in whom, and who dies of it. */
export type Point = {
  readonly row: string;
  readonly moment: string;
  /** As SWITCHYARD_CRASH, without run and process. */
  readonly spec: string;
  readonly writer: Writer;
  readonly victim: Victim;
  readonly script: Script;
};
/** A kill: the crash point that fired, or null when none did. */
export type Kill = { readonly point: Point; readonly fired: string | null };
/** One run and what happened to it. */
export type Struck = {
  readonly token: string;
  readonly script: Script;
  readonly kills: number;
  readonly runId: string;
};

type Going = { runId: string | null; readonly token: string; readonly script: Script; kills: number; over: boolean };

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const FIRE_MS = 20_000;
const END_MS = 60_000;
const LOOK_MS = 60;
/** A server that was killed while it answered does not always say so. */
const IMPATIENT_MS = 700;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The ground with everything up; `close` it. */
export async function openGround(): Promise<Ground> {
  const sink = await startSink();
  const parts = await openParts({ allow: [sink.origin] });
  const database = await openDatabase({
    url: parts.databaseUrl,
    applicationName: 'crash test',
    secretKey: Buffer.alloc(32, 7),
  });
  const ground = new Ground(parts, sink, database);
  await ground.furnish();
  return ground;
}

/** See the head of this file. */
export class Ground {
  readonly parts: Parts;
  readonly sink: Sink;
  readonly database: Database;
  /** All runs so far. */
  readonly going: Going[] = [];
  readonly #pipelines = new Map<string, string>();
  readonly #driving: Promise<void>[] = [];
  #enginePort = 0;
  #engine: PartProcess | null = null;
  #server: PartProcess | null = null;
  #worker: PartProcess | null = null;
  #closed = false;

  constructor(parts: Parts, sink: Sink, database: Database) {
    this.parts = parts;
    this.sink = sink;
    this.database = database;
  }

  /** Model, pipelines, server. */
  async furnish(): Promise<void> {
    this.#enginePort = await freePort();
    this.#engine = await this.#startEngine();
    const { connections, pipelines } = this.database.catalog;
    const baseUrl = `http://127.0.0.1:${this.#enginePort}/v1`;
    await connections.create({ name: 'scripted', dialect: 'kimi', baseUrl, model: 'scripted' });
    for (const script of Object.values(SCRIPTS)) {
      const document = documentOf(script, this.sink.origin);
      const { id, version } = await pipelines.create({ name: script.name, slug: script.name, document });
      await pipelines.publish({ id, ifVersion: version });
      this.#pipelines.set(script.name, id);
    }
    this.#server = await this.parts.server();
  }

  /** Starts a run and lets the point kill in it. Answers what fired; null when nothing did within 20 s. */
  async strike(point: Point): Promise<Fired | null> {
    const firing = point.writer === 'worker' ? this.#inWorker(point) : this.#elsewhere(point);
    const fired = await firing;
    await this.#mend(point, fired !== null);
    return fired;
  }

  /** A run that is under way already is hit by one more worker: `spec` fires in it. Null: the run ended before. */
  async strikeAgain(run: Going, spec: string, victim: Victim): Promise<Fired | null> {
    await this.#retireWorker();
    this.#worker = await this.parts.worker({ SWITCHYARD_CRASH: `${spec}@${run.runId}${this.#aim(victim)}` });
    const fired = await Promise.race([this.#worker.fired, this.#ended(run).then(() => null)]);
    if (fired !== null) run.kills += 1;
    await this.#mend({ victim, writer: 'worker' }, fired !== null);
    return fired;
  }

  /** Starts a run over the API, again and again under one idempotency key until it is answered. */
  async start(script: Script): Promise<Going> {
    const token = `t${randomBytes(5).toString('hex')}`;
    const run: Going = { runId: null, token, script, kills: 0, over: false };
    this.going.push(run);
    const path = `/api/pipelines/${this.#pipelines.get(script.name)}/runs`;
    run.runId = await until(`a run of ${script.name}`, END_MS, async () => {
      const key = { 'idempotency-key': token };
      const answer = this.parts.api<{ runId: string }>('POST', path, { input: { t: token } }, key).catch(() => null);
      return (await Promise.race([answer, pause(IMPATIENT_MS).then(() => null)]))?.runId;
    });
    this.#driving.push(this.#drive(run, run.runId));
    return run;
  }

  /** Lets a worker finish everything that is left, and answers the runs; fails loudly when one does not end. */
  async settle(): Promise<readonly Struck[]> {
    if (this.#worker?.alive() !== true) this.#worker = await this.parts.worker();
    for (const run of this.going) await this.#ended(run);
    await Promise.all(this.#driving);
    return this.going.map((run) => ({ ...run, runId: run.runId ?? '' }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#worker, this.#server].map((one) => one?.terminate()));
    this.#engine?.signal('SIGKILL');
    await this.database.close();
    await this.parts.close();
    await this.sink.close();
  }

  #startEngine(): Promise<PartProcess> {
    const main = join(ROOT, 'test/harness/program-model.ts');
    return startPart(['--import', import.meta.resolve('tsx'), main, String(this.#enginePort)], {});
  }

  #aim(victim: Victim): string {
    if (victim === 'worker') return '';
    return `!${victim === 'postgres' ? this.parts.postgres.pid() : this.#processOf(victim)?.pid}`;
  }

  #processOf(victim: Exclude<Victim, 'postgres'>): PartProcess | null {
    return { worker: this.#worker, server: this.#server, engine: this.#engine }[victim];
  }

  /** A worker in whose hands a run may be is ended in order, once all runs have. */
  async #retireWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (worker?.alive() !== true) return;
    worker.signal('SIGKILL'); // one more crash, and quicker than an orderly end
    await worker.exited;
  }

  async #inWorker({ spec, victim, script }: Point): Promise<Fired | null> {
    if (this.#worker?.alive() === true) for (const run of this.going) await this.#ended(run);
    await this.#retireWorker();
    const run = await this.start(script);
    this.#worker = await this.parts.worker({ SWITCHYARD_CRASH: `${spec}@${run.runId}${this.#aim(victim)}` });
    const fired = await Promise.race([this.#worker.fired, pause(FIRE_MS).then(() => null)]);
    if (fired !== null) run.kills += 1;
    return fired;
  }

  async #elsewhere({ spec, victim, script, writer }: Point): Promise<Fired | null> {
    if (this.#worker?.alive() !== true) this.#worker = await this.parts.worker();
    if (writer === 'harness') return this.#here(spec, victim, script);
    await this.#server?.terminate();
    const aim = victim === 'server' ? '' : this.#aimAlways(victim);
    this.#server = await this.parts.server({ SWITCHYARD_CRASH: `${spec}${aim}` });
    const starting = this.start(script);
    const fired = await Promise.race([this.#server.fired, pause(FIRE_MS).then(() => null)]);
    if (victim === 'server' && fired !== null) {
      await this.#server.exited;
      this.#server = await this.parts.server();
    }
    (await starting).kills += 1;
    return fired;
  }

  #aimAlways(victim: Victim): string {
    return victim === 'worker' ? `!${this.#worker?.pid}` : this.#aim(victim);
  }

  /** The crash point is in this very process, and kills another. */
  async #here(spec: string, victim: Victim, script: Script): Promise<Fired | null> {
    const process = victim === 'postgres' ? null : this.#processOf(victim);
    armCrashPoint(`${spec}${this.#aimAlways(victim)}`);
    const run = await this.start(script);
    const gone = (): true | undefined => (process ? !process.alive() : !this.parts.postgres.alive()) || undefined;
    const died = await until(`${victim} to die of ${spec}`, FIRE_MS, gone).catch(() => null);
    armCrashPoint(null);
    if (died === null) return null;
    run.kills += 1;
    const [crash = '', kind = ''] = spec.split(':');
    return { crash, runId: run.runId ?? '', seq: null, kinds: [kind] };
  }

  /** Starts again what was killed; a server that killed itself is up already. */
  async #mend({ victim, writer }: Pick<Point, 'victim' | 'writer'>, died: boolean): Promise<void> {
    if (!died || victim === writer) return this.#forgetWorker(died && victim === 'worker');
    switch (victim) {
      case 'worker':
        return this.#forgetWorker(true);
      case 'postgres':
        return this.parts.postgres.restart();
      case 'engine':
        await this.#engine?.exited;
        this.#engine = await this.#startEngine();
        return;
      case 'server':
        await this.#server?.exited;
        this.#server = await this.parts.server();
    }
  }

  async #forgetWorker(died: boolean): Promise<void> {
    if (!died) return;
    await this.#worker?.exited;
    this.#worker = null;
  }

  async #ended(run: Going): Promise<void> {
    if (run.over) return;
    await until(`the end of ${run.script.name} ${run.runId}`, END_MS, async () => {
      await pause(LOOK_MS);
      return (await this.#hasEnded(run)) || undefined;
    });
  }

  async #hasEnded(run: Going): Promise<boolean> {
    if (run.over || run.runId === null) return run.over;
    const rows = await this.database.control.rows(run.runId).catch(() => null);
    run.over = rows !== null && ['succeeded', 'failed', 'cancelled'].includes(rows.state);
    return run.over;
  }

  /** What people do: asked again until the run has ended, whoever is down. */
  async #drive(run: Going, runId: string): Promise<void> {
    const { drive } = run.script;
    if (drive === 'nothing') return;
    while (!this.#closed && !(await this.#hasEnded(run))) {
      const act = {
        cancel: () => this.#cancel(run, runId),
        wake: () => this.#wake(runId),
        pause: () => this.#pause(runId),
      };
      await act[drive]().catch(() => {});
      await pause(LOOK_MS);
    }
  }

  async #cancel({ token }: Going, runId: string): Promise<void> {
    if (this.sink.of(token).length > 0) await this.parts.api('POST', `/api/runs/${runId}/cancel`, {});
  }

  /** Pauses once, and resumes. */
  async #pause(runId: string): Promise<void> {
    const rows = await this.database.control.rows(runId);
    if (rows?.paused) return void (await this.parts.api('POST', `/api/runs/${runId}/resume`, {}));
    const events = await this.database.journal.events(runId, { after: 0 });
    if (!events.some((event) => event.kind === 'run.paused'))
      await this.parts.api('POST', `/api/runs/${runId}/pause`, {});
  }

  async #wake(runId: string): Promise<void> {
    const rows = await this.database.control.rows(runId);
    for (const { stepKey, epoch, state } of rows?.steps ?? []) {
      const event = ANSWERS[stepKey];
      if (state !== 'waiting' || !event) continue;
      const own = await this.database.journal.events(runId, { after: 0, stepKey });
      // answered already, and nobody has come for the answer yet: one answer each
      if (own.at(-1)?.kind === 'step.waiting') await this.database.control.wake({ runId, stepKey, epoch, event });
    }
  }
}

const ANSWERS: Readonly<Record<string, EventBody>> = {
  hook: { kind: 'step.woken', data: { by: 'test', value: { inline: { posted: true } } } },
  ask: { kind: 'approval.decided', data: { approved: true, by: 'test' } },
};
