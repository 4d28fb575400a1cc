import type { PipelineDocument } from '@switchyard/pipeline';
import { edge, missingField, node } from './drawing.ts';

const REPLIES = {
  billing: 'Thank you for writing. We are checking the invoice and will correct it if it is wrong.',
  outage: 'We are sorry for the trouble. Our engineers are looking at the service now.',
  account: 'Thank you for writing. We will help you with your account within the hour.',
  praise: 'Thank you! We pass this on to the team.',
} as const;

const labels = Object.keys(REPLIES);
/** Hands on the label and the reply chosen on this branch. */
const reply = (label: keyof typeof REPLIES, row: number) =>
  node(label, {
    type: 'transform',
    name: `Reply to ${label}`,
    config: { expression: `{"label": ${JSON.stringify(label)}, "reply": ${JSON.stringify(REPLIES[label])}}` },
    position: { x: 1200, y: row * 110 - 120 },
  });
const told = (label: string, row: number) =>
  node(`tell_${label}`, {
    type: 'respond',
    name: `Tell ${label}`,
    config: { body: `{{ steps.${label}.output }}` },
    position: { x: 1500, y: row * 110 - 120 },
  });

/** Triage a message: a model classifies, a branch chooses the reply. */
export const triage: PipelineDocument = {
  format: 1,
  nodes: [
    node('hook', {
      type: 'trigger.webhook',
      name: 'A message comes in',
      config: {
        token: 'demo-triage',
        mode: 'respond',
        deadlineSeconds: 120,
        example: { method: 'POST', headers: {}, query: {}, body: { message: 'The nectar service is down' } },
      },
      position: { x: 0, y: 120 },
    }),
    node('check', {
      type: 'branch',
      name: 'Is there a message?',
      config: { cases: [{ port: 'message', when: 'or(run.input.body.message, "") != ""' }] },
      position: { x: 300, y: 120 },
    }),
    node('classify', {
      type: 'agent',
      name: 'Classify it',
      config: {
        system: 'You are a step of a pipeline. Use the tools, then answer.',
        prompt:
          'Classify this message as one of billing, outage, account, praise. Answer with JSON.\nMessage: {{ run.input.body.message }}',
        tools: [],
        answer: 'json',
        accept: `or(json(answer).label, "") in ${JSON.stringify(labels)}`,
        temperature: 0,
        maxTokens: 200,
        maxTurns: 3,
        windowTokens: 740,
      },
      position: { x: 600, y: 120 },
    }),
    node('route', {
      type: 'branch',
      name: 'Which kind?',
      config: {
        cases: labels.map((label) => ({ port: label, when: `or(steps.classify.output.json.label, "") == "${label}"` })),
      },
      position: { x: 900, y: 120 },
    }),
    reply('billing', 0),
    reply('outage', 1),
    reply('account', 2),
    reply('praise', 3),
    ...labels.map(told),
    node('unsure', {
      type: 'respond',
      name: 'Nobody knows',
      config: {
        status: 422,
        body: { error: { code: 'not_classified', message: 'The model gave no label that this pipeline knows.' } },
      },
      position: { x: 1200, y: 340 },
    }),
    missingField('message', { x: 600, y: 300 }),
  ],
  edges: [
    edge('hook', 'out', 'check'),
    edge('check', 'message', 'classify'),
    edge('check', 'else', 'missing'),
    edge('classify', 'out', 'route'),
    ...labels.flatMap((label) => [edge('route', label, label), edge(label, 'out', `tell_${label}`)]),
    edge('route', 'else', 'unsure'),
  ],
  notes: [
    {
      id: 'about',
      text: 'POST {"message": "…"} to /hooks/demo-triage and get {"label": "…", "reply": "…"}.\n\nThe model answers with JSON; the branch reads its label and goes on by one way only. The other ways are skipped, as a run shows.',
      position: { x: 0, y: -140 },
      size: { width: 520, height: 120 },
    },
  ],
};
