/* The family's pre-split: text → words, before byte pairs are merged inside each word. */

const UPPER = '[[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]--[\\p{Script=Han}]]';
const LOWER = '[[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]--[\\p{Script=Han}]]';
// Case-insensitive groups need Node 23, so the ASCII contractions are spelled out. ſ is included: (?i:s) folds to it.
const CONTRACTION = "(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?";
const BEFORE_WORD = '[^\\r\\n\\p{L}\\p{N}]?';

const PATTERN = new RegExp(
  [
    '[\\p{Script=Han}]+',
    `${BEFORE_WORD}${UPPER}*${LOWER}+${CONTRACTION}`,
    `${BEFORE_WORD}${UPPER}+${LOWER}*${CONTRACTION}`,
    '\\p{N}{1,3}',
    ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*',
    '\\s*[\\r\\n]+',
    '\\s+(?!\\S)',
    '\\s+',
  ].join('|'),
  'gv',
);

/** The reference tokenizer cuts its input so, before splitting; pathological inputs get the same ids only if we do too. */
const MAX_SLICE = 400_000;
const MAX_RUN = 25_000;

/** Words of a text in order; their concatenation is the text. */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  for (const slice of slices(text)) for (const match of slice.matchAll(PATTERN)) words.push(match[0]);
  return words;
}

function slices(text: string): readonly string[] {
  if (text.length <= MAX_RUN) return [text];
  const out: string[] = [];
  const points = Array.from(text);
  for (let from = 0; from < points.length; from += MAX_SLICE)
    out.push(...shortRuns(points.slice(from, from + MAX_SLICE)));
  return out;
}

/** Cuts where a run of white space, or of anything else, would pass MAX_RUN code points. */
function shortRuns(points: readonly string[]): readonly string[] {
  const out: string[] = [];
  let from = 0;
  let run = 0;
  let space: boolean | null = null;
  points.forEach((point, i) => {
    const isSpace = /^\s$/u.test(point);
    run = isSpace === space ? run + 1 : 1;
    space = isSpace;
    if (run > MAX_RUN) {
      out.push(points.slice(from, i).join(''));
      from = i;
      run = 1;
    }
  });
  out.push(points.slice(from).join(''));
  return out;
}
