import type { Json } from '@switchyard/pipeline';

/* Pages for people who come by a link: plain HTML, no script, readable by every browser and screen reader. */

const SIGNS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => SIGNS[sign] ?? '');

const STYLE = `
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #1a1d21; background: #fff }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f3f4f6; padding: 1rem; border-radius: .5rem; font-size: .95rem }
  textarea { width: 100%; box-sizing: border-box; font: inherit; padding: .5rem; border: 1px solid #6b7280; border-radius: .375rem }
  button { font: inherit; padding: .6rem 1.4rem; margin: 1rem .75rem 0 0; border-radius: .375rem; border: 1px solid #1a1d21; background: #fff; color: #1a1d21; cursor: pointer }
  button.yes { background: #14652f; border-color: #14652f; color: #fff }
  button:focus-visible, textarea:focus-visible { outline: 3px solid #2563eb; outline-offset: 2px }
  @media (prefers-color-scheme: dark) {
    body { background: #14171a; color: #e8eaed } pre { background: #23272b } textarea { background: #23272b; color: inherit }
    button { background: #23272b; color: inherit; border-color: #9aa0a6 }
  }`;

/** A whole page. `body` is HTML. */
const page = (title: string, body: string): string =>
  `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><link rel="icon" href="data:,">
<title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escaped(title)}</h1>
${body}
</main></body></html>
`;

const subjectOf = (subject: Json): string =>
  typeof subject === 'string' ? subject : JSON.stringify(subject, undefined, 2);

/** What an approval page shows. */
export type Question = {
  readonly pipeline: string;
  readonly subject: Json;
  readonly instructions: string | null;
  readonly until: string | null;
};

/** Asks for a decision: the subject, a comment, two buttons. Looking at it decides nothing. */
export const questionPage = ({ pipeline, subject, instructions, until }: Question): string =>
  page(
    `A decision for ${pipeline}`,
    `<pre>${escaped(subjectOf(subject))}</pre>
${instructions === null ? '' : `<p>${escaped(instructions)}</p>`}
${until === null ? '' : `<p>It expires at <time datetime="${escaped(until)}">${escaped(until)}</time>.</p>`}
<form method="post">
<p><label for="comment">Comment (optional)</label><br><textarea id="comment" name="comment" rows="3" maxlength="2000"></textarea></p>
<button class="yes" name="decision" value="approve">Approve</button>
<button name="decision" value="reject">Reject</button>
</form>`,
  );

/** Asks whether to go on. Looking at it does nothing. */
export const resumePage = (pipeline: string): string =>
  page(
    `${pipeline} waits`,
    `<p>A run waits for this address to be called. Press the button to let it go on, or send it data with a POST request.</p>
<form method="post"><button class="yes">Go on</button></form>`,
  );

/** Says how it ended. */
export const messagePage = (title: string, message: string): string => page(title, `<p>${escaped(message)}</p>`);
