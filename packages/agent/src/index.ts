export { type ChatModelOptions, createChatModel, type Dialect } from './chat-model.ts';
export type {
  AgentEvent,
  AgentJournal,
  AgentPorts,
  AgentRequest,
  AgentResult,
  ChatDelta,
  ChatMessage,
  ChatModel,
  ChatReply,
  ChatRequest,
  Clock,
  RunAgent,
  Tool,
  ToolDeclaration,
  ToolEffect,
  UnknownOutcomePolicy,
} from './contract.ts';
export {
  AgentFailure,
  type AgentFailureCode,
  AgentPaused,
  ModelError,
  type ModelErrorCode,
  ToolInDoubt,
} from './errors.ts';
export type { CodePort, DocumentPort, HttpAnswer, HttpPort, Page, PagePort } from './http.ts';
export { runAgent } from './loop.ts';
export { httpFetchTool } from './tools/http-fetch.ts';
export { runCodeTool } from './tools/run-code.ts';
export { searchTool } from './tools/search.ts';
