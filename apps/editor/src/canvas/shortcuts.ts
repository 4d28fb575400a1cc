import { useEffect } from 'react';

/** One shortcut: how its keys are written, what it does, and the deed. `keys` is what `keyText` makes of an event. */
export type Shortcut = {
  readonly keys: readonly string[];
  readonly shown: string;
  readonly label: string;
  readonly run: () => void;
};

/** An event as text: `Ctrl+Shift+Z`, `Delete`, `?`. Command counts as Ctrl. Shift is named for letters and named keys only. */
export function keyText(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey' | 'code'>,
): string {
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  const key =
    event.shiftKey && digit !== undefined ? digit : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const named = /^[A-Z0-9]$/.test(key) || key.length > 1;
  const parts = [
    event.ctrlKey || event.metaKey ? 'Ctrl' : '',
    event.altKey ? 'Alt' : '',
    event.shiftKey && named ? 'Shift' : '',
    key,
  ];
  return parts.filter((part) => part !== '').join('+');
}

/** Whether keys belong to what has the focus (a field, an open dialog, a list) and not to the canvas. */
export function keysAreTaken(target: EventTarget | null): boolean {
  if (document.querySelector('[role="dialog"],[role="menu"]') !== null) return true;
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable || target.closest('input, textarea, select, [role="listbox"], [role="tablist"]') !== null
  );
}

/** Shortcuts that work in fields too: they never type a character. */
const EVERYWHERE: ReadonlySet<string> = new Set(['Ctrl+S', 'Ctrl+Enter']);

/** The shortcut an event means, or undefined when its keys belong to something else. */
function shortcutFor(event: KeyboardEvent, shortcuts: readonly Shortcut[]): Shortcut | undefined {
  if (event.defaultPrevented || event.isComposing) return undefined;
  const keys = keyText(event);
  const everywhere = EVERYWHERE.has(keys) && document.querySelector('[role="dialog"]') === null;
  if (keysAreTaken(event.target) && !everywhere) return undefined;
  // Tab walks from step to step; only where nothing has the focus does it add one.
  if (keys === 'Tab' && event.target !== document.body) return undefined;
  return shortcuts.find((candidate) => candidate.keys.includes(keys));
}

/** Listens for shortcuts as long as it is drawn. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const shortcut = shortcutFor(event, shortcuts);
      if (shortcut === undefined) return;
      event.preventDefault();
      shortcut.run();
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [shortcuts]);
}
