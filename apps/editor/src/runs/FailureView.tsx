import type { Failure } from '@switchyard/pipeline';
import { CopyButton } from '../ui/CopyButton.tsx';
import { JsonView } from './JsonView.tsx';
import type { Json } from './json-rows.ts';
import valueCss from './value.module.css';

/** Why something failed: what, in its own words, and what to do about it. */
export function FailureView({
  failure,
  about,
}: {
  readonly failure: Failure;
  readonly about: Readonly<Record<string, unknown>>;
}) {
  return (
    <div className={valueCss.failure} role="alert">
      <div className={valueCss.failureHead}>
        <code>{failure.code}</code>
        <CopyButton label="Copy details" text={() => JSON.stringify({ ...about, failure }, null, 2)} />
      </div>
      <p className={valueCss.failureText}>{failure.message}</p>
      {failure.hint === undefined ? null : <p className={valueCss.failureHint}>{failure.hint}</p>}
      {failure.details === undefined ? null : <JsonView value={failure.details as Json} label="Details" />}
    </div>
  );
}
