/*
 * Entry of the model thread: loads the weights, then alternates between messages and single steps, so that a cancel or a new
 * request is seen within one step.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { forward, loadModel, logitsOf, openSequence } from '../reference/forward.ts';
import type { FromModel, ToModel } from './model-protocol.ts';
import { PrefixCache } from './prefix-cache.ts';
import { Scheduler } from './scheduler.ts';
import { Tokenizer } from './tokenizer.ts';

const { folder } = z.object({ folder: z.string() }).parse(workerData);
if (parentPort === null) throw new Error('model-worker.ts is a worker thread, not a program');
const port = parentPort;

function post(message: FromModel): void {
  port.postMessage(message);
}

const model = loadModel(folder);
const tokenizer = Tokenizer.load(folder);
if (!logitsOf(model, forward(model, openSequence(model), [0])).every(Number.isFinite))
  throw new Error('the first forward pass gave logits that are not finite');
const prefixes = new PrefixCache(model.config, { bytes: 256 * 1024 * 1024, conversations: 32 });
const scheduler = new Scheduler({ model, tokenizer, prefixes }, (request, event) =>
  post({ kind: 'event', request, event }),
);
let running = false;

function run(): void {
  scheduler.step();
  running = scheduler.busy;
  if (running) setImmediate(run); // lets messages in between two steps
}

port.on('message', (message: ToModel) => {
  if (message.kind === 'stats') return post({ kind: 'stats', question: message.question, stats: scheduler.stats });
  if (message.kind === 'cancel') return scheduler.cancel(message.request);
  scheduler.start(message.request, message.generation);
  if (!running) {
    running = true;
    setImmediate(run);
  }
});

post({ kind: 'ready' });
