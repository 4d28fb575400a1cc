import type { Edge, Node } from '@switchyard/pipeline';
import { ArrowLeft, ArrowRight, X } from 'lucide-react';
import { useState } from 'react';
import { join, nameOf, type Workbench } from '../canvas/actions.ts';
import { useDraftPart } from '../document/draft-store.ts';
import { remove } from '../document/edits.ts';
import { titleOf } from '../document/node-types.ts';
import { connectionProblem, inputPorts, outputPorts } from '../document/ports.ts';
import form from '../form/form.module.css';
import { IconButton } from '../ui/Button.tsx';
import { notify } from '../ui/notices.tsx';
import css from './inspector.module.css';

/** The connections of a step as a list, and a way to make new ones without a pointer. */
export function Wires({ bench, node }: { readonly bench: Workbench; readonly node: Node }) {
  const document = useDraftPart((state) => state.document);
  const incoming = document.edges.filter((edge) => edge.to.node === node.id);
  const outgoing = document.edges.filter((edge) => edge.from.node === node.id);
  const outputs = outputPorts(bench.catalogue, node);
  return (
    <section className={css.section}>
      <h3>Connections</h3>
      <ul className={css.wires}>
        {incoming.map((edge) => (
          <WireRow key={edge.id} bench={bench} edge={edge} other={edge.from.node} incoming />
        ))}
        {outgoing.map((edge) => (
          <WireRow
            key={edge.id}
            bench={bench}
            edge={edge}
            other={edge.to.node}
            port={outputs.length > 1 ? edge.from.port : undefined}
          />
        ))}
      </ul>
      {outputs.map((port) => (
        <ConnectTo key={port.name} bench={bench} node={node} port={port} named={outputs.length > 1} />
      ))}
    </section>
  );
}

type RowProps = {
  readonly bench: Workbench;
  readonly edge: Edge;
  readonly other: string;
  readonly incoming?: boolean;
  readonly port?: string | undefined;
};

function WireRow({ bench, edge, other, incoming = false, port }: RowProps) {
  const name = nameOf(bench, other);
  return (
    <li>
      {incoming ? <ArrowLeft size={14} aria-label="from" /> : <ArrowRight size={14} aria-label="to" />}
      {port === undefined ? null : <code>{port}</code>}
      <button type="button" className={css.jump} onClick={() => bench.flow.select(new Set([other]))}>
        {name}
      </button>
      <IconButton
        label={`Disconnect ${name}`}
        onClick={() =>
          bench.draft.edit({ label: `disconnect ${name}` }, (document) => remove(document, new Set([edge.id])))
        }
      >
        <X size={14} />
      </IconButton>
    </li>
  );
}

type ConnectProps = {
  readonly bench: Workbench;
  readonly node: Node;
  readonly port: { readonly name: string; readonly title: string };
  readonly named: boolean;
};

function ConnectTo({ bench, node, port, named }: ConnectProps) {
  const document = useDraftPart((state) => state.document);
  const [spoken, setSpoken] = useState('');
  const targets = document.nodes.flatMap((target) =>
    inputPorts(bench.catalogue, target)
      .map((input) => ({ target, to: { node: target.id, port: input.name } }))
      .filter(
        ({ to }) => connectionProblem(bench.catalogue, document, { node: node.id, port: port.name }, to) === null,
      ),
  );
  const chosen = (id: string): void => {
    const found = targets.find(({ target }) => target.id === id);
    if (found === undefined) return;
    const problem = join(bench, { node: node.id, port: port.name }, found.to);
    if (problem === null)
      setSpoken(`${titleOf(node, bench.catalogue)} connected to ${titleOf(found.target, bench.catalogue)}`);
    else notify({ tone: 'error', text: problem });
  };
  return (
    <label className={form.field}>
      <span className={form.label}>{named ? `Connect ${port.title} to…` : 'Connect to…'}</span>
      <select
        className={form.input}
        value=""
        disabled={targets.length === 0}
        onChange={(event) => chosen(event.target.value)}
      >
        <option value="">{targets.length === 0 ? 'No step left to connect to' : 'Choose a step'}</option>
        {targets.map(({ target }) => (
          <option key={target.id} value={target.id}>
            {titleOf(target, bench.catalogue)} ({target.id})
          </option>
        ))}
      </select>
      <span className="visually-hidden" role="status">
        {spoken}
      </span>
    </label>
  );
}
