import { X } from 'lucide-react';
import { create } from 'zustand';
import { ApiError } from '../api/request.ts';
import { later } from '../system.ts';
import css from './ui.module.css';

/** A short message for something whose result is not visible where the person looks. Errors stay until closed. */
export type Notice = {
  readonly id: number;
  readonly tone: 'plain' | 'error';
  readonly text: string;
  readonly hint?: string;
};

const useNotices = create<{ readonly list: readonly Notice[]; readonly next: number }>(() => ({ list: [], next: 1 }));

/** Takes a notice away. */
export const dismiss = (id: number): void =>
  useNotices.setState((state) => ({ list: state.list.filter((notice) => notice.id !== id) }));

/** Shows a notice; at most three at a time. */
export function notify(notice: Omit<Notice, 'id'>): void {
  const id = useNotices.getState().next;
  useNotices.setState((state) => ({ next: id + 1, list: [...state.list.slice(-2), { ...notice, id }] }));
  if (notice.tone === 'plain') later(() => dismiss(id), 4000);
}

/** Shows what went wrong, with what can be done about it where the server said so. */
export function notifyError(error: unknown): void {
  if (error instanceof ApiError)
    notify({ tone: 'error', text: error.message, ...(error.hint === null ? {} : { hint: error.hint }) });
  else notify({ tone: 'error', text: error instanceof Error ? error.message : String(error) });
}

/** The corner where notices stand; also read out. */
export function Notices() {
  const list = useNotices((state) => state.list);
  return (
    <div className={css.notices} role="status" aria-live="polite">
      {list.map((notice) => (
        <div key={notice.id} className={css.notice} data-tone={notice.tone}>
          <div>
            <p>{notice.text}</p>
            {notice.hint === undefined ? null : <p className={css.noticeHint}>{notice.hint}</p>}
          </div>
          <button type="button" aria-label="Close message" onClick={() => dismiss(notice.id)}>
            <X size={14} />
          </button>
        </div>
      ))}
    </div>
  );
}
