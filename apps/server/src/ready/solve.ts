import type { PipelineDocument } from '@switchyard/pipeline';
import { edge, missingField, node } from './drawing.ts';

/** Solve a word problem: the agent computes the answer with a program of its own. */
export const solve: PipelineDocument = {
  format: 1,
  nodes: [
    node('hook', {
      type: 'trigger.webhook',
      name: 'A question comes in',
      config: {
        token: 'demo-solve',
        mode: 'respond',
        deadlineSeconds: 120,
        example: {
          method: 'POST',
          headers: {},
          query: {},
          body: {
            question:
              'A train leaves Station A at 60 mph. Another leaves Station B at 80 mph. They are 280 miles apart. When do they meet?',
          },
        },
      },
      position: { x: 0, y: 120 },
    }),
    node('check', {
      type: 'branch',
      name: 'Is there a question?',
      config: { cases: [{ port: 'question', when: 'or(run.input.body.question, "") != ""' }] },
      position: { x: 300, y: 120 },
    }),
    node('solve', {
      type: 'agent',
      name: 'Solve it',
      config: {
        system: 'You are a step of a pipeline. Use the tools, then answer.',
        prompt: 'Solve this step by step: {{ run.input.body.question }}',
        tools: ['run_code'],
        temperature: 0,
        maxTokens: 400,
        maxTurns: 12,
        windowTokens: 740,
      },
      position: { x: 600, y: 40 },
    }),
    node('answer', {
      type: 'respond',
      name: 'Tell the answer',
      config: { body: { answer: '{{ steps.solve.output.text }}' } },
      position: { x: 900, y: 40 },
    }),
    missingField('question', { x: 600, y: 240 }),
  ],
  edges: [
    edge('hook', 'out', 'check'),
    edge('check', 'question', 'solve'),
    edge('solve', 'out', 'answer'),
    edge('check', 'else', 'missing'),
  ],
  notes: [
    {
      id: 'about',
      text: 'POST {"question": "…"} to /hooks/demo-solve and get {"answer": "…"}.\n\nThe agent thinks, writes a little JavaScript, runs it with the tool run_code and answers with the result. Open a run and its Solve step to read each thought and call.',
      position: { x: 0, y: -140 },
      size: { width: 520, height: 130 },
    },
  ],
};
