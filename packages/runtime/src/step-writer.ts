import type { AgentEvent } from '@switchyard/agent';
import type { AppendAnswer, AppendRequest, BlobContent, Journal, Speaker } from '@switchyard/journal';
import { packText } from '@switchyard/journal';
import type { JournalEvent, NewEvent, StoredValue } from '@switchyard/pipeline';
import type { StepJournal } from './contract.ts';
import { LeaseLost, StopRequested } from './errors.ts';
import type { Holding } from './held-steps.ts';
import type { ValueReader } from './values.ts';

/** Where a step writes. */
export type StepWriterParts = { readonly journal: Journal; readonly values: ValueReader; readonly worker: number };

/**
 * The pen of one held step: counts its appends, so that each is fenced. Events inside the step go through `append`, its
 * structural ones through `fenced`. One at a time: a caller that must end the step waits for the append under way.
 */
export class StepWriter implements StepJournal {
  readonly #parts: StepWriterParts;
  readonly #holding: Holding;
  readonly #epoch: number;
  readonly #blobs: BlobContent[] = [];
  #n = 0;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(parts: StepWriterParts, holding: Holding, epoch: number) {
    this.#parts = parts;
    this.#holding = holding;
    this.#epoch = epoch;
  }

  append(events: readonly AgentEvent[], options: { readonly intent: boolean }): Promise<void> {
    const { runId, stepKey, abort } = this.#holding;
    return this.#inTurn(async () => {
      abort.signal.throwIfAborted();
      const own = events.map((event): NewEvent => ({ ...event, stepKey }));
      // In-step appends ask for nothing they missed, so it does not matter up to where this process has folded.
      const request = {
        runId,
        version: null,
        seen: 0,
        intent: options.intent,
        events: own,
        open: [],
        touch: [],
        blobs: this.#blobs.splice(0),
      };
      const { outcome } = await this.#send(request);
      if (outcome === 'done' || outcome === 'already') return;
      const reason = outcome === 'stopped' ? new StopRequested() : new LeaseLost();
      abort.abort(reason);
      throw reason;
    });
  }

  store(text: string): StoredValue {
    const { stored, blob } = packText(text);
    if (blob) {
      this.#blobs.push(blob);
      this.#parts.values.remember(blob);
    }
    return stored;
  }

  load(value: StoredValue): Promise<string> {
    return this.#parts.values.text(value);
  }

  history(): Promise<readonly JournalEvent[]> {
    const { runId, stepKey } = this.#holding;
    return this.#parts.journal.events(runId, { after: 0, stepKey });
  }

  /** Sends a structural append of this step. `decide` is asked once no other append of the step is under way. */
  fenced(decide: () => Promise<Omit<AppendRequest, 'speaker' | 'runId'>>): Promise<AppendAnswer> {
    return this.#inTurn(async () => this.#send({ ...(await decide()), runId: this.#holding.runId }));
  }

  async #send(request: Omit<AppendRequest, 'speaker'>): Promise<AppendAnswer> {
    const speaker: Speaker = {
      stepKey: this.#holding.stepKey,
      epoch: this.#epoch,
      n: this.#n,
      worker: this.#parts.worker,
    };
    const answer = await this.#parts.journal.append({ ...request, speaker });
    if (answer.outcome === 'done' || answer.outcome === 'already') this.#n += 1;
    return answer;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work);
    this.#tail = turn.catch(() => {});
    return turn;
  }
}
