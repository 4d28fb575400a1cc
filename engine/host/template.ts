/*
 * The chat format of K2-Thinking, built in. It renders to segments, so that what people and tools wrote can only ever become
 * ordinary text. `jinja-template.ts` renders the checkpoint's own file; a test holds both equal on pocket.
 */
import { type Conversation, lastAnswer, type Message } from './conversation.ts';
import type { Segment } from './tokenizer.ts';
import { CONTROL_TEXTS } from './vocabulary.ts';

/** What differs between checkpoints of the family. @property defaultSystem put in when the first message is not a system message; null for none */
export type TemplateOptions = { readonly defaultSystem: string | null };

/** Renders a conversation up to where the model goes on. Neighbouring texts are one segment, since byte pairs cross their seam. */
export function renderPrompt(conversation: Conversation, options: TemplateOptions): readonly Segment[] {
  const out = new SegmentList();
  const { messages, tools } = conversation;
  if (tools.length > 0) writeMessage(out, 'system', 'tool_declare', () => out.text(toolsJson(tools)));
  if (options.defaultSystem !== null && messages[0]?.role !== 'system') {
    const text = options.defaultSystem;
    writeMessage(out, 'system', 'system', () => out.text(text));
  }
  const answered = lastAnswer(messages);
  for (const [index, message] of messages.entries()) {
    writeMessage(out, opener(message), message.label ?? message.role, () => writeBody(out, message, index > answered));
  }
  out.control('assistant');
  out.text('assistant');
  out.control('middle');
  return out.segments;
}

/** Tools as the family declares them: compact JSON, object keys sorted at every depth, arrays in order. */
export function toolsJson(tools: Conversation['tools']): string {
  return sortedJson(tools);
}

// Written by hand because a rebuilt object would move integer-like keys to the front again.
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${sortedJson(inner)}`)
    .join(',')}}`;
}

function opener(message: Message): 'user' | 'assistant' | 'system' {
  return message.role === 'user' || message.role === 'assistant' ? message.role : 'system';
}

function writeMessage(out: SegmentList, role: 'user' | 'assistant' | 'system', label: string, body: () => void): void {
  out.control(role);
  out.text(label);
  out.control('middle');
  body();
  out.control('endOfMessage');
}

function writeBody(out: SegmentList, message: Message, current: boolean): void {
  if (message.role === 'tool') return out.text(`## Return of ${message.callId}\n${message.content}`);
  if (message.role !== 'assistant') return out.text(message.content);
  out.control('think');
  if (current) out.text(message.reasoning);
  out.control('thinkEnd');
  out.text(message.content);
  if (message.calls.length === 0) return;
  out.control('sectionBegin');
  for (const call of message.calls) {
    out.control('callBegin');
    out.text(call.id);
    out.control('argumentBegin');
    out.text(call.arguments);
    out.control('callEnd');
  }
  out.control('sectionEnd');
}

class SegmentList {
  readonly segments: Segment[] = [];

  control(name: keyof typeof CONTROL_TEXTS): void {
    this.segments.push({ kind: 'control', text: CONTROL_TEXTS[name] });
  }

  text(text: string): void {
    const last = this.segments.at(-1);
    if (text === '') return;
    if (last?.kind === 'text') this.segments[this.segments.length - 1] = { kind: 'text', text: last.text + text };
    else this.segments.push({ kind: 'text', text });
  }
}
