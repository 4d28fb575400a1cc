import { type ScriptedReply, startScriptedModel } from '../../packages/agent/src/scripted/model-server.ts';

/*
 * `node --import tsx test/harness/program-model.ts PORT`: a model server as a process that can be killed. It remembers
 * nothing: what it does in a turn is written in the task as a JSON list, and how far the agent is it reads from the last result.
 */

/** One turn of a program. */
export type ProgramTurn = {
  readonly fetch?: string;
  readonly say?: string;
  /** Thinks for so long, in two halves, before it says it. */
  readonly thinkMs?: number;
  /** Takes of these numbers say nothing at all. */
  readonly empty?: readonly number[];
};

function replyOf(turn: ProgramTurn | undefined, take: number): ScriptedReply {
  if (turn === undefined) return { text: 'the program is over' };
  if (turn.empty?.includes(take)) return { text: '' };
  const { fetch: url, say, thinkMs } = turn;
  if (url !== undefined) return { calls: [{ name: 'http_fetch', arguments: JSON.stringify({ url }) }] };
  if (thinkMs === undefined) return { text: say ?? 'done' };
  const thought = 'It thinks about it for a while, slowly.';
  return { thought, text: say ?? 'done', pauseAfter: 20, pause: new Promise((go) => setTimeout(go, thinkMs)) };
}

const [port = '0'] = process.argv.slice(2);
const model = await startScriptedModel((request) => {
  const task = request.messages.find((message) => message.role === 'user')?.content ?? '[]';
  const program = JSON.parse(task) as ProgramTurn[];
  if (request.tools === undefined) return { text: 'out of turns' };
  const last = request.messages.filter((message) => message.role === 'tool').at(-1)?.content ?? '';
  const page = /page (\d+)/.exec(last)?.[1];
  return replyOf(program[page === undefined ? 0 : Number(page) + 1], request.seed ?? 0);
}, Number(port));
process.stdout.write(`${JSON.stringify({ ready: 'model', url: model.baseUrl })}\n`);
