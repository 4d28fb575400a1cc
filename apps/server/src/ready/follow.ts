import type { PipelineDocument } from '@switchyard/pipeline';
import { edge, missingField, node } from './drawing.ts';

/** Filled in when somebody presses Run: a start page of this server and what stands at the end of its chain. */
export type FollowSample = { readonly start: string; readonly thing: string };

/**
 * Follow the links: the agent opens page after page until it finds the thing. An answer counts only when the last page
 * holds it, so an address in place of the thing, or something made up, is asked for again.
 */
export const follow = (sample: FollowSample): PipelineDocument => ({
  format: 1,
  nodes: [
    node('hook', {
      type: 'trigger.webhook',
      name: 'A start page comes in',
      config: {
        token: 'demo-follow',
        mode: 'respond',
        deadlineSeconds: 60,
        example: {
          method: 'POST',
          headers: {},
          query: {},
          body: { ...sample },
        },
      },
      position: { x: 0, y: 120 },
    }),
    node('check', {
      type: 'branch',
      name: 'Start and thing given?',
      config: {
        cases: [{ port: 'given', when: 'or(run.input.body.start, "") != "" && or(run.input.body.thing, "") != ""' }],
      },
      position: { x: 300, y: 120 },
    }),
    node('follow', {
      type: 'agent',
      name: 'Follow the links',
      config: {
        system: 'You are a step of a pipeline. Use the tools, then answer.',
        prompt:
          'Start at {{ run.input.body.start }}. Follow the next link on each page until you find the {{ run.input.body.thing }}, then report it.',
        tools: ['http_fetch'],
        temperature: 0,
        maxTokens: 200,
        maxTurns: 700,
        windowTokens: 700,
        retakes: 5,
        accept:
          '!lastResult.contains("://") && !answer.contains("://") && answer.contains(or(extract(lastResult, "(?:is|:) ([^ .]+)[.]?[ \\n]*$"), "://"))',
      },
      position: { x: 600, y: 40 },
      // a small model errs now and then on a long chain: the step goes on from its last good turn
      retry: { attempts: 3, backoffSeconds: 1, on: ['failed'] },
    }),
    node('answer', {
      type: 'respond',
      name: 'Tell what was found',
      config: { body: { answer: '{{ steps.follow.output.text }}' } },
      position: { x: 900, y: 40 },
    }),
    missingField('start" and "thing', { x: 600, y: 240 }),
  ],
  edges: [
    edge('hook', 'out', 'check'),
    edge('check', 'given', 'follow'),
    edge('follow', 'out', 'answer'),
    edge('check', 'else', 'missing'),
  ],
  notes: [
    {
      id: 'about',
      text: 'GET /demo/start?links=3&seed=1 names a start page and a thing. POST them to /hooks/demo-follow and get {"answer": "…"}.\n\nEach page is one turn and one call of http_fetch, journaled before the next: kill any process in the middle and the run goes on at the page where it was. Long chains outlast the caller: the answer is then 202 with a status URL.',
      position: { x: 0, y: -160 },
      size: { width: 560, height: 150 },
    },
  ],
});
