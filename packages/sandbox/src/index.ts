export {
  type Json,
  type Sandbox,
  SandboxError,
  type SandboxErrorCode,
  type SandboxLimits,
  type SandboxOptions,
} from './contract.ts';
export { createSandbox, type SandboxSettings } from './sandbox.ts';
