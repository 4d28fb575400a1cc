import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Turns sampled ids into text, read from the checkpoint's own files and from no code of the engine. */
export function readVocabulary(folder: string): (ids: readonly number[]) => string {
  const bytes = new Map<number, Buffer>();
  for (const line of readFileSync(join(folder, 'tiktoken.model'), 'utf8').split('\n')) {
    const [token, rank] = line.split(' ');
    if (token && rank) bytes.set(Number(rank), Buffer.from(token, 'base64'));
  }
  const config = JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')) as {
    added_tokens_decoder: Record<string, { content: string }>;
  };
  for (const [id, token] of Object.entries(config.added_tokens_decoder))
    bytes.set(Number(id), Buffer.from(token.content));
  return (ids) => Buffer.concat(ids.map((id) => bytes.get(id) ?? Buffer.from(`<${id}?>`))).toString('utf8');
}

/** The answer's text in a turn's sampled text: what stands between the thought and the end of the turn. */
export const answerIn = (sampled: string): string => {
  const close = '</think>';
  const from = sampled.indexOf(close);
  return sampled.slice(from < 0 ? 0 : from + close.length).replace(/(<\|im_end\|>|\[EOS\]|\[EOT\])$/, '');
};
