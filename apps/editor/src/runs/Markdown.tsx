import { lexer, type Token, type Tokens } from 'marked';
import { createElement, Fragment, memo, type ReactNode, useMemo } from 'react';
import turnCss from './turns.module.css';

/*
 * Markdown of a model as React elements. HTML in it stays text, only http(s) links are links: nothing a model writes can
 * become code in this page. Blocks are drawn one by one, so a growing text draws its last block anew and no other.
 */

/** A model's text. */
export function Markdown({ text }: { readonly text: string }) {
  const blocks = useMemo(() => lexer(text), [text]);
  return (
    <div className={turnCss.markdown}>
      {createElement(Fragment, null, ...blocks.map((block) => createElement(Block, { raw: block.raw, token: block })))}
    </div>
  );
}

const Block = memo(
  ({ token }: { readonly raw: string; readonly token: Token }) => blockOf(token),
  (before, after) => before.raw === after.raw,
);

function blockOf(token: Token): ReactNode {
  switch (token.type) {
    case 'space':
      return null;
    case 'heading':
      return <h4>{inline(token.tokens)}</h4>;
    case 'paragraph':
      return <p>{inline(token.tokens)}</p>;
    case 'text':
      return 'tokens' in token && token.tokens !== undefined ? inline(token.tokens) : token.raw;
    case 'code':
      return (
        <pre className={turnCss.codeBlock}>
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      );
    case 'blockquote':
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case 'hr':
      return <hr />;
    case 'list':
      return listOf(token as Tokens.List);
    case 'table':
      return tableOf(token as Tokens.Table);
    default:
      return <p>{token.raw}</p>;
  }
}

/** Children by position: a text that grows only adds at its end, so positions are what identifies them. */
const inOrder = (
  tag: string | typeof Fragment,
  children: readonly ReactNode[],
  props: object | null = null,
): ReactNode => createElement(tag, props, ...children);

const blocks = (tokens: readonly Token[] | undefined): ReactNode => inOrder(Fragment, (tokens ?? []).map(blockOf));

function listOf(list: Tokens.List): ReactNode {
  const items = list.items.map((item) => inOrder('li', item.tokens.map(blockOf)));
  return list.ordered ? inOrder('ol', items, { start: Number(list.start) || 1 }) : inOrder('ul', items);
}

function tableOf(table: Tokens.Table): ReactNode {
  const cells = (tag: 'th' | 'td', row: readonly Tokens.TableCell[]): ReactNode =>
    inOrder(
      'tr',
      row.map((cell) => inOrder(tag, cell.tokens.map(inlineOf))),
    );
  return (
    <table>
      <thead>{cells('th', table.header)}</thead>
      {inOrder(
        'tbody',
        table.rows.map((row) => cells('td', row)),
      )}
    </table>
  );
}

const inline = (tokens: readonly Token[] | undefined): ReactNode => inOrder(Fragment, (tokens ?? []).map(inlineOf));

function inlineOf(token: Token): ReactNode {
  switch (token.type) {
    case 'strong':
      return <strong>{inline(token.tokens)}</strong>;
    case 'em':
      return <em>{inline(token.tokens)}</em>;
    case 'del':
      return <del>{inline(token.tokens)}</del>;
    case 'codespan':
      return <code>{(token as Tokens.Codespan).text}</code>;
    case 'br':
      return <br />;
    case 'escape':
      return (token as Tokens.Escape).text;
    case 'link': {
      const { href } = token as Tokens.Link;
      if (!/^https?:\/\//i.test(href)) return <>{inline(token.tokens)}</>;
      return (
        <a href={href} target="_blank" rel="noreferrer noopener">
          {inline(token.tokens)}
        </a>
      );
    }
    case 'text':
      return 'tokens' in token && token.tokens !== undefined ? inline(token.tokens) : token.raw;
    default:
      return token.raw;
  }
}
