/*
 * The checkpoint's own chat_template.jinja. It yields one string, in which text from outside must not be mistaken for control
 * tokens; so before rendering every control spelling inside outside text is replaced by a private-use mark, and put back after
 * the template's own control tokens have been cut out.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import type { Conversation, Message } from './conversation.ts';
import type { Segment } from './tokenizer.ts';

const MARK = '\uE000';
const MARK_END = '\uE001';

/** Renders conversations with a template file of a checkpoint. */
export class JinjaTemplate {
  readonly #template: Template;
  readonly #controlTexts: readonly string[];
  readonly #pattern: RegExp;

  /** @param controlTexts every control token of the checkpoint, so that none can be forged */
  constructor(source: string, controlTexts: Iterable<string>) {
    this.#template = new Template(source);
    this.#controlTexts = [...controlTexts];
    const alternatives = [...this.#controlTexts]
      .sort((a, b) => b.length - a.length)
      .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    this.#pattern = new RegExp(`(${alternatives.join('|')})`, 'g');
  }

  /** The template of a checkpoint folder, or null when it ships none. */
  static load(folder: string, controlTexts: Iterable<string>): JinjaTemplate | null {
    const file = join(folder, 'chat_template.jinja');
    return existsSync(file) ? new JinjaTemplate(readFileSync(file, 'utf8'), controlTexts) : null;
  }

  /** Renders with the generation prompt. @throws Error when the template itself refuses the conversation */
  render(conversation: Conversation): readonly Segment[] {
    const values = {
      messages: conversation.messages.map(templateMessage),
      tools: conversation.tools.length === 0 ? null : sortKeys(conversation.tools),
      add_generation_prompt: true,
    };
    const text = this.#template.render(
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, this.#guard(value)])),
    );
    return text
      .split(this.#pattern)
      .map(
        (part, i): Segment =>
          i % 2 === 1 ? { kind: 'control', text: part } : { kind: 'text', text: this.#restore(part) },
      )
      .filter((segment) => segment.text !== '');
  }

  #guard(value: unknown): unknown {
    if (typeof value === 'string') {
      return value
        .replaceAll(MARK, `${MARK}m${MARK_END}`)
        .replace(this.#pattern, (text) => `${MARK}${this.#controlTexts.indexOf(text)}${MARK_END}`);
    }
    if (Array.isArray(value)) return value.map((item) => this.#guard(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [String(this.#guard(key)), this.#guard(inner)]),
    );
  }

  #restore(text: string): string {
    return text.replace(/\uE000(m|\d+)\uE001/g, (_, mark: string) =>
      mark === 'm' ? MARK : (this.#controlTexts[Number(mark)] ?? ''),
    );
  }
}

function templateMessage(message: Message): Record<string, unknown> {
  const named = message.label === null ? {} : { name: message.label };
  if (message.role === 'tool')
    return { role: 'tool', ...named, content: message.content, tool_call_id: message.callId };
  if (message.role !== 'assistant') return { role: message.role, ...named, content: message.content };
  const calls = message.calls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    role: 'assistant',
    ...named,
    content: message.content,
    reasoning_content: message.reasoning,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** Object keys sorted at every depth, as the family's tokenizer class does before it calls the template. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sortKeys(inner)]));
}
