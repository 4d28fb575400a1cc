import type { ToolCall } from '@switchyard/pipeline';
import type { Tool } from './contract.ts';

/** A call that may be made, or the result line that tells the model why not. */
export type CheckedCall =
  | { readonly ok: true; readonly tool: Tool; readonly args: Record<string, unknown> }
  | { readonly ok: false; readonly result: string };

const refuse = (why: string): CheckedCall => ({ ok: false, result: `error: ${why}` });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Checks name and arguments against the declared tools: JSON object, required members there, declared simple types kept. */
export function checkCall(tools: readonly Tool[], call: ToolCall): CheckedCall {
  const tool = tools.find((candidate) => candidate.declaration.name === call.name);
  if (!tool)
    return refuse(
      `there is no tool ${JSON.stringify(call.name)}; the tools are ${tools.map((candidate) => candidate.declaration.name).join(', ') || 'none'}`,
    );
  let args: unknown;
  try {
    args = JSON.parse(call.arguments === '' ? '{}' : call.arguments);
  } catch {
    return refuse('the arguments are not JSON');
  }
  if (!isObject(args)) return refuse('the arguments are not a JSON object');
  const problem = misfit(tool.declaration.parameters, args);
  return problem === null ? { ok: true, tool, args } : refuse(problem);
}

function misfit(schema: Record<string, unknown>, args: Record<string, unknown>): string | null {
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const name of required)
    if (typeof name === 'string' && !Object.hasOwn(args, name))
      return `the argument ${JSON.stringify(name)} is missing`;
  const properties = isObject(schema.properties) ? schema.properties : {};
  for (const [name, value] of Object.entries(args)) {
    const declared = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (isObject(declared) && typeof declared.type === 'string' && !isOfType(declared.type, value))
      return `the argument ${JSON.stringify(name)} must be of type ${declared.type}`;
  }
  return null;
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type;
    default:
      return true;
  }
}
