/* Sampled ids → the deltas of an OpenAI answer, and deltas → a whole message: one path for streams and for the rest. */
import type { ChatCompletion, FinishReason, WireDelta, WireToolCall } from './api.ts';
import { Refusal } from './refusal.ts';
import { StopText } from './stop-text.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { CallRule } from './turn-grammar.ts';
import { type TurnEvent, TurnParser } from './turn-parser.ts';

/** The answer's message as the wire has it. */
export type AnswerMessage = ChatCompletion['choices'][number]['message'];

/** What an answer is read with. @property partial ids of the turn that were given, not sampled: they are parsed but not told again */
export type AnswerOptions = {
  readonly tokenizer: Tokenizer;
  readonly calls: CallRule;
  readonly stopTexts: readonly string[];
  readonly partial: readonly number[];
};

/** One per answer. */
export class Answer {
  readonly #parser: TurnParser;
  readonly #stop: StopText;
  #openCall: Extract<TurnEvent, { kind: 'call' }> | null = null;
  readonly #complete = new Set<number>();
  #malformed: string | null = null;
  /** A stop text was met: generation may end, further ids are ignored. */
  stopped = false;

  constructor(options: AnswerOptions) {
    this.#parser = new TurnParser(options.tokenizer, options.calls);
    this.#stop = new StopText(options.stopTexts);
    for (const id of options.partial) for (const event of this.#parser.push(id)) this.#note(event);
  }

  /** The first deltas of a continued turn: names the call it was cut in, so that a client can place what follows. */
  begin(): readonly WireDelta[] {
    return this.#openCall === null ? [] : [callDelta(this.#openCall)];
  }

  /** Deltas of one sampled id; often none. */
  push(id: number): readonly WireDelta[] {
    return this.stopped ? [] : this.#parser.push(id).flatMap((event) => this.#tell(event));
  }

  /** Deltas of the end: text held back. */
  end(): readonly WireDelta[] {
    if (this.stopped) return [];
    const deltas = this.#parser.end().flatMap((event) => this.#tell(event));
    const rest = this.#stop.flush();
    return rest === '' ? deltas : [...deltas, { content: rest }];
  }

  /** Indexes of the calls that were not cut. */
  get completeCalls(): ReadonlySet<number> {
    return this.#complete;
  }

  /** Why the answer ended. @throws Refusal 500 when the model called only tools that do not exist */
  finishReason(engine: 'stop' | 'length'): FinishReason {
    if (this.stopped) return 'stop';
    if (engine === 'length') return 'length';
    if (this.#complete.size > 0) return 'tool_calls';
    if (this.#malformed !== null)
      throw new Refusal(500, 'malformed_tool_call', `the model called "${this.#malformed}", which is no declared tool`);
    return 'stop';
  }

  #note(event: TurnEvent): void {
    if (event.kind === 'call') this.#openCall = event;
    if (event.kind === 'call-end') {
      this.#openCall = null;
      this.#complete.add(event.index);
    }
    if (event.kind === 'malformed-call') this.#malformed = event.id;
  }

  #tell(event: TurnEvent): readonly WireDelta[] {
    this.#note(event);
    switch (event.kind) {
      case 'reasoning':
        return [{ reasoning_content: event.text, reasoning: event.text }];
      case 'content': {
        const { text, hit } = this.#stop.push(event.text);
        this.stopped = this.stopped || hit;
        return text === '' ? [] : [{ content: text }];
      }
      case 'call':
        return [callDelta(event)];
      case 'arguments':
        return [{ tool_calls: [{ index: event.index, function: { arguments: event.text } }] }];
      case 'call-end':
      case 'malformed-call':
        return [];
    }
  }
}

function callDelta(call: Extract<TurnEvent, { kind: 'call' }>): WireDelta {
  return {
    tool_calls: [{ index: call.index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }],
  };
}

/** The message that a client would build from the deltas. Calls not in `complete` were cut and are left out. */
export function messageOf(deltas: readonly WireDelta[], complete: ReadonlySet<number>): AnswerMessage {
  let content = '';
  let reasoning = '';
  const calls = new Map<number, WireToolCall>();
  for (const delta of deltas) {
    content += delta.content ?? '';
    reasoning += delta.reasoning_content ?? '';
    for (const piece of delta.tool_calls ?? []) {
      const known = calls.get(piece.index) ?? {
        id: piece.id ?? '',
        type: 'function',
        function: { name: piece.function.name ?? '', arguments: '' },
      };
      calls.set(piece.index, {
        ...known,
        function: { name: known.function.name, arguments: known.function.arguments + (piece.function.arguments ?? '') },
      });
    }
  }
  const whole = [...calls].filter(([index]) => complete.has(index)).map(([, call]) => call);
  return {
    role: 'assistant',
    content: content === '' && whole.length > 0 ? null : content,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning, reasoning }),
    ...(whole.length === 0 ? {} : { tool_calls: whole }),
  };
}
