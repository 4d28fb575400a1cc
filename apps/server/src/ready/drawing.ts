import type { Edge, Node } from '@switchyard/pipeline';

/** A node with the defaults of a fresh one. */
export const node = (id: string, parts: Omit<Node, 'id' | 'onError'>): Node => ({ id, onError: 'fail', ...parts });

/** A wire into the one input port of a node. */
export const edge = (from: string, port: string, to: string): Edge => ({
  id: `${from}_${port}_${to}`.slice(0, 64),
  from: { node: from, port },
  to: { node: to, port: 'in' },
});

/** Tells a caller which field of the body is missing. */
export const missingField = (field: string, position: Node['position']): Node =>
  node('missing', {
    type: 'respond',
    name: 'Something is missing',
    config: {
      status: 400,
      body: { error: { code: 'missing_input', message: `Send a JSON body with "${field}".` } },
    },
    position,
  });
