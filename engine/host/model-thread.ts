/* The HTTP thread's view of the model thread. */
import { Worker } from 'node:worker_threads';
import type { GenerationRequest } from './generation.ts';
import type { EngineStats, FromModel, RequestEvent, ToModel } from './model-protocol.ts';

/** A running generation. `cancel` is idempotent; after it the listener hears nothing more. */
export type RunningGeneration = { readonly cancel: () => void };

/** The model, running in its own thread. */
export class ModelThread {
  readonly #worker: Worker;
  readonly #listeners = new Map<number, (event: RequestEvent) => void>();
  readonly #questions = new Map<number, (stats: EngineStats) => void>();
  #lastId = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (message: FromModel) => this.#hear(message));
  }

  /**
   * Starts the thread and waits until the model answers. @throws what the thread threw while loading (CheckpointRefused …)
   * @param onDeath called when the thread dies later; every request then fails with `engine_failed`
   */
  static async start(folder: string, onDeath: (error: Error) => void): Promise<ModelThread> {
    const worker = openWorker(folder);
    const thread = new ModelThread(worker);
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.on('message', (message: FromModel) => message.kind === 'ready' && resolve());
    });
    worker.removeAllListeners('error');
    worker.on('error', (error: Error) => {
      thread.#failAll(error);
      onDeath(error);
    });
    return thread;
  }

  /** Requests not yet finished. */
  get pending(): number {
    return this.#listeners.size;
  }

  /** Starts a generation; events arrive in order, the last one is `finished` or `failed`. */
  generate(generation: GenerationRequest, listener: (event: RequestEvent) => void): RunningGeneration {
    const request = ++this.#lastId;
    this.#listeners.set(request, listener);
    this.#send({ kind: 'start', request, generation });
    return {
      cancel: () => {
        if (this.#listeners.delete(request)) this.#send({ kind: 'cancel', request });
      },
    };
  }

  /** Counters of the engine, as of now. */
  stats(): Promise<EngineStats> {
    const question = ++this.#lastId;
    return new Promise((resolve) => {
      this.#questions.set(question, resolve);
      this.#send({ kind: 'stats', question });
    });
  }

  /** Ends the thread; running requests hear nothing more. */
  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#worker.terminate();
  }

  #send(message: ToModel): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromModel): void {
    if (message.kind === 'stats') {
      this.#questions.get(message.question)?.(message.stats);
      this.#questions.delete(message.question);
    }
    if (message.kind !== 'event') return;
    const listener = this.#listeners.get(message.request);
    if (message.event.kind === 'finished' || message.event.kind === 'failed') this.#listeners.delete(message.request);
    listener?.(message.event);
  }

  #failAll(error: Error): void {
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener({ kind: 'failed', code: 'engine_failed', message: error.message });
  }
}

/** Built, the thread's file stands beside main.js; from source it is TypeScript and comes in through a small loader. */
function openWorker(folder: string): Worker {
  const file = import.meta.url.endsWith('.ts') ? './model-worker-source.mjs' : './model-worker.js';
  return new Worker(new URL(file, import.meta.url), { workerData: { folder } });
}
