/* The scripted model of the agent's own tests, for tests of those who run agents. */
export {
  type ScriptedModel,
  type ScriptedReply,
  startScriptedModel,
} from '../../packages/agent/src/scripted/model-server.ts';
