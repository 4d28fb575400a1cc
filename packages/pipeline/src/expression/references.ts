import type { ASTNode } from '@marcbachmann/cel-js';

/** What an expression names. `steps` null means: any step (`steps` used without a literal id). */
export type References = {
  readonly steps: readonly { readonly id: string; readonly position: number }[];
  readonly anyStep: boolean;
  /** Free names other than those bound by a macro, with where they stand. */
  readonly names: readonly { readonly name: string; readonly position: number }[];
};

type Found = {
  readonly steps: { id: string; position: number }[];
  readonly names: { name: string; position: number }[];
  anyStep: boolean;
};
const BINDING_MACROS = new Set(['map', 'filter', 'all', 'exists', 'exists_one']);

/** Reads the names an expression refers to off its syntax tree. */
export function readReferences(ast: ASTNode): References {
  const found: Found = { steps: [], names: [], anyStep: false };
  visit(ast, new Set(), found);
  return found;
}

function visit(node: ASTNode, bound: ReadonlySet<string>, found: Found): void {
  switch (node.op) {
    case 'value':
      return;
    case 'id':
      if (bound.has(node.args)) return;
      found.names.push({ name: node.args, position: node.start });
      if (node.args === 'steps') found.anyStep = true;
      return;
    case '.':
    case '.?':
      return visitField(node.args[0], node.args[1], bound, found);
    case '[]':
    case '[?]':
      return visitIndex(node.args[0], node.args[1], bound, found);
    case 'call':
      return visitAll(node.args[1], bound, found);
    case 'rcall':
      return visitMethod(node.args[0], node.args[1], node.args[2], { bound, found });
    case 'list':
      return visitAll(node.args, bound, found);
    case 'map':
      return visitAll(node.args.flat(), bound, found);
    case '!_':
    case '-_':
      return visit(node.args, bound, found);
    default:
      return visitAll(node.args, bound, found);
  }
}

function visitAll(nodes: readonly ASTNode[], bound: ReadonlySet<string>, found: Found): void {
  for (const node of nodes) visit(node, bound, found);
}

const isSteps = (node: ASTNode, bound: ReadonlySet<string>) =>
  node.op === 'id' && node.args === 'steps' && !bound.has('steps');

function visitField(object: ASTNode, name: string, bound: ReadonlySet<string>, found: Found): void {
  if (isSteps(object, bound)) found.steps.push({ id: name, position: object.start });
  else visit(object, bound, found);
}

function visitIndex(object: ASTNode, index: ASTNode, bound: ReadonlySet<string>, found: Found): void {
  if (isSteps(object, bound) && index.op === 'value' && typeof index.args === 'string')
    found.steps.push({ id: index.args, position: object.start });
  else visitAll([object, index], bound, found);
}

function visitMethod(
  name: string,
  receiver: ASTNode,
  args: readonly ASTNode[],
  at: { readonly bound: ReadonlySet<string>; readonly found: Found },
): void {
  const [variable, ...rest] = args;
  const isBind = name === 'bind' && receiver.op === 'id' && receiver.args === 'cel';
  if (!isBind) visit(receiver, at.bound, at.found);
  if (variable?.op !== 'id' || !(isBind || BINDING_MACROS.has(name))) return visitAll(args, at.bound, at.found);
  const inner = new Set(at.bound).add(variable.args);
  const [value, ...body] = rest;
  if (!isBind) return visitAll(rest, inner, at.found);
  if (value !== undefined) visit(value, at.bound, at.found);
  visitAll(body, inner, at.found);
}
