import { useVirtualizer } from '@tanstack/react-virtual';
import { ChevronDown, ChevronRight } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import { CopyButton } from '../ui/CopyButton.tsx';
import { CHUNK, type Json, type JsonRow, jsonRows, type Toggled } from './json-rows.ts';
import valueCss from './value.module.css';

const ROW = 20;
const LONG = 2_000;

/** A JSON value to read: folded below the second level, drawn row by row as far as it is seen. A text is shown as text. */
export function JsonView({ value, label }: { readonly value: Json; readonly label: string }) {
  return (
    <section className={valueCss.value} aria-label={label}>
      <div className={valueCss.valueTools}>
        <CopyButton
          label={`Copy ${label.toLowerCase()}`}
          text={() => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))}
        />
      </div>
      {typeof value === 'string' ? <LongText text={value} /> : <JsonTree value={value} />}
    </section>
  );
}

/** A text with its line breaks; a very long one is cut until asked for. */
export function LongText({ text }: { readonly text: string }) {
  const [all, setAll] = useState(false);
  const cut = !all && text.length > LONG * 4;
  return (
    <pre className={valueCss.text}>
      {cut ? text.slice(0, LONG) : text}
      {cut ? (
        <button type="button" className={valueCss.more} onClick={() => setAll(true)}>
          … show all {text.length.toLocaleString()} characters
        </button>
      ) : null}
    </pre>
  );
}

function JsonTree({ value }: { readonly value: Json }) {
  const [toggled, setToggled] = useState<Toggled>({ flipped: new Set(), shown: new Map() });
  const rows = useMemo(() => jsonRows(value, toggled), [value, toggled]);
  const box = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 20,
  });
  const flip = (path: string): void =>
    setToggled(({ flipped, shown }) => {
      const next = new Set(flipped);
      if (!next.delete(path)) next.add(path);
      return { flipped: next, shown };
    });
  const more = (path: string): void =>
    setToggled(({ flipped, shown }) => ({
      flipped,
      shown: new Map(shown).set(path, (shown.get(path) ?? CHUNK) + CHUNK * 5),
    }));
  if (rows.length <= 60) {
    return (
      <div className={valueCss.tree}>
        {rows.map((row) => (
          <Row key={row.path} row={row} onFlip={flip} onMore={more} />
        ))}
      </div>
    );
  }
  return (
    <div ref={box} className={valueCss.treeBox}>
      <div
        className={valueCss.tree}
        style={{ height: list.getTotalSize(), position: 'relative', minWidth: 'max-content' }}
      >
        {list.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          return row === undefined ? null : (
            <div
              key={row.path}
              style={{ position: 'absolute', top: start, left: 0, height: ROW, whiteSpace: 'nowrap' }}
            >
              <Row row={row} onFlip={flip} onMore={more} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

type RowProps = {
  readonly row: JsonRow;
  readonly onFlip: (path: string) => void;
  readonly onMore: (path: string) => void;
};

function Row({ row, onFlip, onMore }: RowProps) {
  return (
    <div className={valueCss.jsonRow} style={{ paddingLeft: row.depth * 16 + 18 }}>
      {row.kind === 'leaf' ? <Leaf row={row} /> : null}
      {row.kind === 'more' ? (
        <button type="button" className={valueCss.more} onClick={() => onMore(row.path)}>
          … {row.hidden.toLocaleString()} more
        </button>
      ) : null}
      {row.kind === 'end' ? (row.list ? ']' : '}') : null}
      {row.kind === 'open' || row.kind === 'closed' ? <Branch row={row} onFlip={onFlip} /> : null}
    </div>
  );
}

function Leaf({ row }: { readonly row: Extract<JsonRow, { kind: 'leaf' }> }) {
  return (
    <>
      <Name name={row.name} />
      <span data-type={row.value === null ? 'null' : typeof row.value} className={valueCss.leaf}>
        {JSON.stringify(row.value)}
      </span>
    </>
  );
}

type BranchRow = Extract<JsonRow, { kind: 'open' | 'closed' }>;

function Branch({ row, onFlip }: { readonly row: BranchRow; readonly onFlip: (path: string) => void }) {
  const open = row.kind === 'open';
  return (
    <>
      {row.count === 0 ? null : (
        <button
          type="button"
          className={valueCss.twist}
          aria-expanded={open}
          aria-label={`${open ? 'Close' : 'Open'} ${row.name ?? 'value'}`}
          onClick={() => onFlip(row.path)}
        >
          {open ? <ChevronDown size={12} /> : <ChevronRight size={12} />}
        </button>
      )}
      <Name name={row.name} />
      {open ? (row.list ? '[' : '{') : folded(row)}
    </>
  );
}

/** A closed branch in a few words: `[ 80 items ]`. */
function folded({ list, count }: BranchRow): string {
  const [left, right, word] = list ? ['[', ']', 'item'] : ['{', '}', 'field'];
  return count === 0 ? `${left}${right}` : `${left} ${count} ${word}${count === 1 ? '' : 's'} ${right}`;
}

const Name = ({ name }: { readonly name: string | null }) =>
  name === null ? null : <span className={valueCss.key}>{name}: </span>;
