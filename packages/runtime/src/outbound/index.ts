export {
  type AllowedPlace,
  type Outbound,
  OutboundError,
  type OutboundErrorCode,
  type OutboundRequest,
  type OutboundResponse,
} from './contract.ts';
export { createModelHttp, type ModelHttp } from './model-http.ts';
export { createOutbound, type OutboundOptions } from './outbound.ts';
