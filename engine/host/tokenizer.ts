/*
 * Text ↔ ids. Ordinary text never becomes a control id, whatever it spells: control ids come only from segments the template
 * marks as control. (The reference tokenizer lets user text forge them; that is a prompt-injection hole.)
 */
import { mergeBytePairs } from './byte-pairs.ts';
import { splitWords } from './split.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

/** A piece of a rendered prompt: text to encode as ordinary text, or the exact text of one control token. */
export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'control'; readonly text: string };

/** Words remembered with their ids: prompts of one conversation repeat almost all of their words. */
const REMEMBERED_WORDS = 20_000;

/** Encoder and decoder of one checkpoint. */
export class Tokenizer {
  readonly vocabulary: Vocabulary;
  readonly #words = new Map<string, readonly number[]>();

  /** Bytes of the longest ordinary token: n bytes of text are at least n / longestPiece tokens. */
  readonly longestPiece: number;

  constructor(vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
    this.longestPiece = vocabulary.pieces.reduce((longest, piece) => Math.max(longest, piece.length), 1);
  }

  /** Reads the tokenizer files of a checkpoint folder. @throws TokenizerRefused */
  static load(folder: string): Tokenizer {
    return new Tokenizer(readVocabulary(folder));
  }

  /** Ids of ordinary text; control tokens spelled in it stay text. */
  encode(text: string): readonly number[] {
    return splitWords(text).flatMap((word) => this.#encodeWord(word));
  }

  /** Ids of a rendered prompt. @throws RangeError when a control segment names no control token of this checkpoint */
  encodeSegments(segments: readonly Segment[]): readonly number[] {
    return segments.flatMap((segment) => {
      if (segment.kind === 'text') return this.encode(segment.text);
      const id = this.vocabulary.controlByText.get(segment.text);
      if (id === undefined) throw new RangeError(`no control token ${segment.text}`);
      return [id];
    });
  }

  /** Bytes of an id; empty for control tokens, so that no marker can leak. */
  bytes(id: number): Uint8Array {
    return this.vocabulary.pieces[id] ?? NO_BYTES;
  }

  #encodeWord(word: string): readonly number[] {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const ids = mergeBytePairs(Buffer.from(word, 'utf8').toString('latin1'), this.vocabulary.rankByPiece);
    if (this.#words.size >= REMEMBERED_WORDS) this.#words.clear();
    if (word.length <= 64) this.#words.set(word, ids);
    return ids;
  }
}

const NO_BYTES = new Uint8Array(0);

/** Bytes → text, holding back the bytes of an unfinished character. One instance per stretch of text. */
export class TextStream {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** The characters that `bytes` complete. */
  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left at the end: U+FFFD for a character that never came whole. */
  end(): string {
    return this.#decoder.decode();
  }
}
