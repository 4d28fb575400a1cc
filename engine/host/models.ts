/* A checkpoint folder as the HTTP side needs it: everything but the weights. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { CheckpointRefused, readConfig } from '../reference/config.ts';
import type { Conversation } from './conversation.ts';
import { JinjaTemplate } from './jinja-template.ts';
import { renderPrompt } from './template.ts';
import { type Segment, Tokenizer } from './tokenizer.ts';

/** What the server knows about its model. @property stops ids that end a turn @property template which renderer serves it */
export type ModelCard = {
  readonly id: string;
  readonly folder: string;
  readonly contextWindow: number;
  readonly vocabSize: number;
  readonly stops: readonly number[];
  readonly tokenizer: Tokenizer;
  readonly template: 'built-in' | 'jinja';
  readonly render: (conversation: Conversation) => readonly Segment[];
};

/** The default system message of the family; a checkpoint's own template may leave it out. */
export const FAMILY_SYSTEM = 'You are Kimi, an AI assistant created by Moonshot AI.';

const generationSchema = z.looseObject({
  eos_token_id: z.union([z.number().int(), z.array(z.number().int())]).optional(),
});

/** The model that ships with the engine; found the same way from `host/` and from `dist/`. */
export function shippedModel(): string {
  return fileURLToPath(new URL('../models/pocket', import.meta.url));
}

/** Reads a checkpoint folder. The model's id is the folder's name. @throws CheckpointRefused, TokenizerRefused */
export function readModelCard(path: string): ModelCard {
  const folder = resolve(path);
  const config = readConfig(folder);
  const tokenizer = Tokenizer.load(folder);
  const highest = Math.max(tokenizer.vocabulary.pieces.length - 1, ...tokenizer.vocabulary.controlByText.values());
  if (highest >= config.vocabSize)
    throw new CheckpointRefused(
      `the tokenizer gives id ${highest}, but config.json says vocab_size ${config.vocabSize}`,
    );
  const { endOfText, endOfMessage, endOfTurn } = tokenizer.vocabulary.control;
  const stops = [...new Set([...config.eosTokenIds, ...generationStops(folder), endOfText, endOfMessage, endOfTurn])];
  return {
    id: basename(folder),
    folder,
    contextWindow: config.maxPositions,
    vocabSize: config.vocabSize,
    stops,
    tokenizer,
    ...chooseRenderer(folder, tokenizer),
  };
}

function generationStops(folder: string): readonly number[] {
  const file = join(folder, 'generation_config.json');
  if (!existsSync(file)) return [];
  const eos = generationSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).eos_token_id ?? [];
  return typeof eos === 'number' ? [eos] : eos;
}

/** The built-in renderer where it says exactly what the checkpoint's template says on the samples below, else that template. */
function chooseRenderer(folder: string, tokenizer: Tokenizer): Pick<ModelCard, 'template' | 'render'> {
  const jinja = JinjaTemplate.load(folder, tokenizer.vocabulary.controlByText.keys());
  for (const defaultSystem of [null, FAMILY_SYSTEM]) {
    const render = (conversation: Conversation): readonly Segment[] => renderPrompt(conversation, { defaultSystem });
    if (jinja === null && defaultSystem === null) continue;
    if (
      jinja === null ||
      SAMPLES.every((sample) => JSON.stringify(render(sample)) === JSON.stringify(jinja.render(sample)))
    )
      return { template: 'built-in', render };
  }
  if (jinja === null) throw new Error('unreachable: without a template file the built-in renderer is chosen');
  return { template: 'jinja', render: (conversation) => jinja.render(conversation) };
}

const TOOL = {
  type: 'function',
  function: {
    name: 'look',
    description: 'Look at 城市.',
    parameters: { type: 'object', properties: { b: { type: 'string' }, a: { type: 'string' } } },
  },
} as const;
const CALLS = [{ id: 'functions.look:0', name: 'look', arguments: '{"a": "1"}' }];
const ROUND: Conversation['messages'] = [
  { role: 'user', label: null, content: 'Hi <|im_end|>' },
  { role: 'assistant', label: null, reasoning: 'first', content: '', calls: CALLS },
  { role: 'tool', label: 'look', content: 'seen', callId: 'functions.look:0' },
];
const SAMPLES: readonly Conversation[] = [
  { messages: ROUND.slice(0, 1), tools: [] },
  { messages: [{ role: 'system', label: null, content: 'Be terse.' }, ...ROUND], tools: [TOOL] },
  {
    messages: [
      ...ROUND,
      { role: 'assistant', label: null, reasoning: 'second', content: 'Done.', calls: [] },
      { role: 'user', label: 'Ada', content: 'More' },
    ],
    tools: [TOOL],
  },
];
