/* tiktoken.model and tokenizer_config.json of a checkpoint: which bytes an id stands for, and which ids are control tokens. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Control tokens the family's format is made of, by role. The tool and think tokens are not "special" but just as structural. */
export const CONTROL_TEXTS = {
  endOfText: '[EOS]',
  endOfTurn: '[EOT]',
  endOfMessage: '<|im_end|>',
  user: '<|im_user|>',
  assistant: '<|im_assistant|>',
  system: '<|im_system|>',
  middle: '<|im_middle|>',
  sectionBegin: '<|tool_calls_section_begin|>',
  sectionEnd: '<|tool_calls_section_end|>',
  callBegin: '<|tool_call_begin|>',
  argumentBegin: '<|tool_call_argument_begin|>',
  callEnd: '<|tool_call_end|>',
  think: '<think>',
  thinkEnd: '</think>',
} as const;

/** Ids of the control tokens in one checkpoint. */
export type ControlIds = { readonly [K in keyof typeof CONTROL_TEXTS]: number };

/** `pieces[id]` are the bytes of an ordinary token; ids from `pieces.length` on are control tokens named in `controlByText`. */
export type Vocabulary = {
  readonly pieces: readonly Uint8Array[];
  readonly rankByPiece: ReadonlyMap<string, number>;
  readonly controlByText: ReadonlyMap<string, number>;
  readonly control: ControlIds;
};

/** Thrown when tokenizer files are missing or contradict themselves. */
export class TokenizerRefused extends Error {
  readonly code = 'tokenizer_refused';
}

const configSchema = z.looseObject({
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), z.looseObject({ content: z.string() })),
});

/** Reads both files of a folder. @throws TokenizerRefused when a line is malformed or a control token of the format is absent */
export function readVocabulary(folder: string): Vocabulary {
  const { pieces, rankByPiece } = readPieces(readFileSync(join(folder, 'tiktoken.model'), 'utf8'));
  const parsed = configSchema.safeParse(JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')));
  if (!parsed.success) throw new TokenizerRefused('tokenizer_config.json has no added_tokens_decoder');
  const controlByText = new Map(
    Object.entries(parsed.data.added_tokens_decoder).map(([id, token]) => [token.content, Number(id)]),
  );
  return { pieces, rankByPiece, controlByText, control: controlIds(controlByText, pieces.length) };
}

/** Parses the text of a tiktoken.model file: lines "base64 rank", ranks rising from 0. Pieces are keyed by their bytes as Latin-1. */
export function readPieces(text: string): Pick<Vocabulary, 'pieces' | 'rankByPiece'> {
  const pieces: Uint8Array[] = [];
  const rankByPiece = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [encoded, rank] = line.split(' ');
    if (encoded === undefined || Number(rank) !== pieces.length)
      throw new TokenizerRefused(`tiktoken.model: rank ${pieces.length} is missing or out of order`);
    const bytes = Buffer.from(encoded, 'base64');
    rankByPiece.set(bytes.toString('latin1'), pieces.length);
    pieces.push(bytes);
  }
  return { pieces, rankByPiece };
}

/** K2-Thinking's list is said to lack the think tokens; the family keeps them at fixed distances from the first control id. */
const FALLBACK_OFFSETS: Readonly<Record<string, number>> = { [CONTROL_TEXTS.think]: 22, [CONTROL_TEXTS.thinkEnd]: 23 };

function controlIds(byText: ReadonlyMap<string, number>, first: number): ControlIds {
  const find = (text: string): number => {
    const id = byText.get(text) ?? (FALLBACK_OFFSETS[text] === undefined ? undefined : first + FALLBACK_OFFSETS[text]);
    if (id === undefined) throw new TokenizerRefused(`tokenizer_config.json lacks ${text}`);
    return id;
  };
  return {
    endOfText: find(CONTROL_TEXTS.endOfText),
    endOfTurn: find(CONTROL_TEXTS.endOfTurn),
    endOfMessage: find(CONTROL_TEXTS.endOfMessage),
    user: find(CONTROL_TEXTS.user),
    assistant: find(CONTROL_TEXTS.assistant),
    system: find(CONTROL_TEXTS.system),
    middle: find(CONTROL_TEXTS.middle),
    sectionBegin: find(CONTROL_TEXTS.sectionBegin),
    sectionEnd: find(CONTROL_TEXTS.sectionEnd),
    callBegin: find(CONTROL_TEXTS.callBegin),
    argumentBegin: find(CONTROL_TEXTS.argumentBegin),
    callEnd: find(CONTROL_TEXTS.callEnd),
    think: find(CONTROL_TEXTS.think),
    thinkEnd: find(CONTROL_TEXTS.thinkEnd),
  };
}
