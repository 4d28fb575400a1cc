import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { later } from '../system.ts';
import { IconButton } from './Button.tsx';

/** Copies a text; shows a tick for a moment. `label` says what is copied. */
export function CopyButton({ text, label }: { readonly text: string | (() => string); readonly label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
    setCopied(true);
    later(() => setCopied(false), 1500);
  };
  return (
    <IconButton label={copied ? 'Copied' : label} onClick={() => void copy()}>
      {copied ? <Check size={14} /> : <Copy size={14} />}
    </IconButton>
  );
}
