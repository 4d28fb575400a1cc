import { Search } from 'lucide-react';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { Point } from '../document/edits.ts';
import type { Catalogue, NodeTypeEntry } from '../document/node-types.ts';
import { DRAG_TYPE } from './Canvas.tsx';
import { TypeIcon } from './icons.tsx';
import css from './picker.module.css';

const GROUPS = { trigger: 'Triggers', agent: 'Agent', action: 'Actions', data: 'Data', flow: 'Flow' } as const;
const ORDER = ['trigger', 'agent', 'action', 'data', 'flow'] as const;

type Props = {
  readonly catalogue: Catalogue;
  /** Where it opens, relative to the canvas; null: at the top left, below the button. */
  readonly at: Point | null;
  /** Triggers cannot follow a step and are left out then. */
  readonly withTriggers: boolean;
  readonly onPick: (type: NodeTypeEntry) => void;
  readonly onClose: () => void;
};

const firstLine = (help: string): string => (help.split('\n')[0] ?? '').replace(/[`*]/g, '').split('. ')[0] ?? '';

/** The node search: type to find, arrows and Enter to choose, or drag an entry onto the canvas. */
export function NodePicker({ catalogue, at, withTriggers, onPick, onClose }: Props) {
  const [query, setQuery] = useState('');
  const [active, setActive] = useState(0);
  const root = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const found = useMemo(() => search(catalogue, query, withTriggers), [catalogue, query, withTriggers]);
  const chosen = found[Math.min(active, found.length - 1)];
  useCloseOutside(root, onClose);

  const pressed = (event: KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape') onClose();
    else if (event.key === 'ArrowDown') setActive((index) => Math.min(index + 1, found.length - 1));
    else if (event.key === 'ArrowUp') setActive((index) => Math.max(index - 1, 0));
    else if (event.key === 'Enter' && chosen !== undefined) onPick(chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={root}
      className={css.picker}
      data-docked={at === null}
      style={at === null ? undefined : { left: at.x, top: at.y }}
      data-testid="node-picker"
    >
      <div className={css.search}>
        <Search size={15} aria-hidden />
        <input
          ref={field}
          role="combobox"
          aria-expanded
          aria-controls="node-options"
          aria-activedescendant={chosen === undefined ? undefined : `node-option-${chosen.id}`}
          aria-label="Search nodes"
          placeholder="Search nodes"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setActive(0);
          }}
          onKeyDown={pressed}
        />
      </div>
      <div className={css.options} id="node-options" role="listbox" aria-label="Nodes">
        {ORDER.map((group) => {
          const types = found.filter((type) => type.group === group);
          return types.length === 0 ? null : (
            // biome-ignore lint/a11y/useSemanticElements: options of a listbox are grouped by role; a fieldset is no part of one
            <div key={group} role="group" aria-label={GROUPS[group]}>
              <div className={css.group} aria-hidden>
                {GROUPS[group]}
              </div>
              {types.map((type) => (
                <PickerOption key={type.id} type={type} active={type === chosen} onPick={onPick} onDropped={onClose} />
              ))}
            </div>
          );
        })}
        {found.length === 0 ? <p className={css.none}>No node is called “{query}”.</p> : null}
      </div>
    </div>
  );
}

function PickerOption({
  type,
  active,
  onPick,
  onDropped,
}: {
  readonly type: NodeTypeEntry;
  readonly active: boolean;
  readonly onPick: (type: NodeTypeEntry) => void;
  readonly onDropped: () => void;
}) {
  const option = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (active) option.current?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  return (
    <div
      ref={option}
      id={`node-option-${type.id}`}
      role="option"
      aria-selected={active}
      aria-label={type.title}
      tabIndex={-1}
      className={css.option}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAG_TYPE, type.id);
        event.dataTransfer.effectAllowed = 'copy';
      }}
      onDragEnd={(event) => (event.dataTransfer.dropEffect === 'none' ? undefined : onDropped())}
      onClick={() => onPick(type)}
      onKeyDown={(event) => (event.key === 'Enter' ? onPick(type) : undefined)}
    >
      <span className={css.icon} data-group={type.group}>
        <TypeIcon name={type.icon} />
      </span>
      <span className={css.words}>
        <span className={css.title}>{type.title}</span>
        <span className={css.help}>{firstLine(type.help)}</span>
      </span>
    </div>
  );
}

function search(catalogue: Catalogue, query: string, withTriggers: boolean): readonly NodeTypeEntry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (type: NodeTypeEntry): boolean =>
    words.every((word) => `${type.title} ${type.id} ${type.help}`.toLowerCase().includes(word));
  const byTitle = (type: NodeTypeEntry): number =>
    words.every((word) => type.title.toLowerCase().includes(word)) ? 0 : 1;
  const found = catalogue.list.filter((type) => (withTriggers || type.group !== 'trigger') && matches(type));
  return ORDER.flatMap((group) => found.filter((type) => type.group === group)).sort((a, b) =>
    query === '' ? 0 : byTitle(a) - byTitle(b),
  );
}

function useCloseOutside(root: { readonly current: HTMLElement | null }, onClose: () => void): void {
  useEffect(() => {
    const pressed = (event: PointerEvent): void => {
      if (root.current !== null && event.target instanceof Node && !root.current.contains(event.target)) onClose();
    };
    window.addEventListener('pointerdown', pressed, true);
    return () => window.removeEventListener('pointerdown', pressed, true);
  }, [root, onClose]);
}
