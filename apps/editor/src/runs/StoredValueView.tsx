import type { StoredValue } from '@switchyard/pipeline';
import { useState } from 'react';
import { blobText } from '../api/resources.ts';
import { Button } from '../ui/Button.tsx';
import { notifyError } from '../ui/notices.tsx';
import { JsonView } from './JsonView.tsx';
import type { Json } from './json-rows.ts';
import valueCss from './value.module.css';

const size = (bytes: number): string =>
  bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

const parsed = (text: string, mediaType: string): Json => {
  if (!mediaType.includes('json')) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
};

/** A value of a run. A large one shows its two ends until all of it is asked for. */
export function StoredValueView({
  value,
  runId,
  label,
}: {
  readonly value: StoredValue;
  readonly runId: string;
  readonly label: string;
}) {
  const [loaded, setLoaded] = useState<Json | undefined>(undefined);
  const [loading, setLoading] = useState(false);
  if ('inline' in value) return <JsonView value={value.inline as Json} label={label} />;
  if (loaded !== undefined) return <JsonView value={loaded} label={label} />;
  const { blob } = value;
  const load = async (): Promise<void> => {
    setLoading(true);
    try {
      setLoaded(parsed(await blobText(blob.sha256, runId), blob.mediaType));
    } catch (error) {
      notifyError(error);
    } finally {
      setLoading(false);
    }
  };
  return (
    <section className={valueCss.value} aria-label={label}>
      <pre className={valueCss.text}>{blob.head}</pre>
      <div className={valueCss.cut}>
        <span>
          {size(blob.bytes)} of {blob.mediaType}
        </span>
        <Button disabled={loading} onClick={() => void load()}>
          {loading ? 'Loading…' : 'Load all'}
        </Button>
      </div>
      <pre className={valueCss.text}>{blob.tail}</pre>
    </section>
  );
}
