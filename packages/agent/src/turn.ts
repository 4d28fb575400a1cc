import type { AgentEvent, AgentPorts, ChatMessage, ChatReply, ChatRequest, ToolDeclaration } from './contract.ts';
import type { Checkpoint } from './history.ts';
import { patiently } from './patience.ts';

/** A reply together with the milliseconds it took, waiting for an absent server included. */
export type TakenTurn = { readonly reply: ChatReply; readonly modelMs: number };

/** Everything one take is made of. */
export type TurnRequest = {
  readonly turn: number;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDeclaration[];
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed: number;
  /** What a lost worker had of this very turn. */
  readonly checkpoint: Checkpoint | null;
};

const CHECKPOINT_MS = 2_000;
/** A long thought is written less and less often, so that its checkpoints are a few times its length and not its square. */
const CHECKPOINT_SHARE = 1 / 16;

type Partial = { thought: string; text: string; tokens: number[] };

/** The request as it is hashed and sent; what is continued is not part of it, a continued turn is the same turn. */
export const chatRequest = (turn: TurnRequest): ChatRequest => ({
  messages: turn.messages,
  tools: turn.tools,
  temperature: turn.temperature,
  maxTokens: turn.maxTokens,
  seed: turn.seed,
});

/**
 * Takes one turn. A stream that breaks is continued from its last token where the model can, else taken again.
 * Every 2 s what has come is written as `thought.checkpointed`. Throws `ModelError`, what `write` throws, or the abort reason.
 */
export async function takeTurn(
  turn: TurnRequest,
  ports: Pick<AgentPorts, 'model' | 'clock' | 'signal'>,
  write: (events: readonly AgentEvent[]) => Promise<void>,
): Promise<TakenTurn> {
  const begun = ports.clock.elapsed();
  let known: Partial = turn.checkpoint
    ? { ...turn.checkpoint, tokens: [...turn.checkpoint.tokens] }
    : { thought: '', text: '', tokens: [] };
  const reply = await patiently(ports, async (alive) => {
    const stop = new AbortController();
    const writer = checkpointWriter(turn.turn, ports, write, (error) => stop.abort(error));
    const resume = known.tokens.length > 0 ? known : undefined;
    const fresh: Partial = { thought: '', text: '', tokens: [] };
    try {
      return await ports.model.chat(resume ? { ...chatRequest(turn), resume } : chatRequest(turn), {
        signal: AbortSignal.any([ports.signal, stop.signal]),
        onDelta: (delta) => {
          alive();
          fresh.thought += delta.thought ?? '';
          fresh.text += delta.text ?? '';
          fresh.tokens.push(...(delta.tokens ?? []));
          known = fresh;
          writer.offer(fresh);
        },
      });
    } finally {
      await writer.settle();
    }
  });
  return { reply, modelMs: Math.round(ports.clock.elapsed() - begun) };
}

/** Writes checkpoints one after another while the stream goes on; the first failure is reported and rethrown by `settle`. */
function checkpointWriter(
  turn: number,
  ports: Pick<AgentPorts, 'clock'>,
  write: (events: readonly AgentEvent[]) => Promise<void>,
  onFailure: (error: unknown) => void,
) {
  const begun = ports.clock.elapsed();
  let due = begun + CHECKPOINT_MS;
  let underWay: Promise<void> | null = null;
  let failure: { readonly error: unknown } | null = null;
  return {
    offer(partial: Partial): void {
      const now = ports.clock.elapsed();
      if (now < due || underWay || failure) return;
      due = now + Math.max(CHECKPOINT_MS, (now - begun) * CHECKPOINT_SHARE);
      underWay = write([
        {
          kind: 'thought.checkpointed',
          data: { turn, thought: partial.thought, text: partial.text, tokens: [...partial.tokens] },
        },
      ])
        .catch((error: unknown) => {
          failure = { error };
          onFailure(error);
        })
        .finally(() => {
          underWay = null;
        });
    },
    async settle(): Promise<void> {
      await underWay;
      if (failure) throw failure.error;
    },
  };
}
