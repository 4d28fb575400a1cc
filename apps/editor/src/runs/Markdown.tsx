import { lexer, type Token, type Tokens } from 'marked';
import { Fragment, memo, type ReactNode, useMemo } from 'react';
import css from './runs.module.css';

/*
 * Markdown of a model as React elements. HTML in it stays text, only http(s) links are links: nothing a model writes can
 * become code in this page. Blocks are drawn one by one, so a growing text draws its last block anew and no other.
 */

/** A model's text. */
export function Markdown({ text }: { readonly text: string }) {
  const blocks = useMemo(() => lexer(text), [text]);
  return (
    <div className={css.markdown}>
      {blocks.map((block, index) => (
        <Block key={index} raw={block.raw} token={block} />
      ))}
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
      return 'tokens' in token && token.tokens !== undefined ? <>{inline(token.tokens)}</> : token.raw;
    case 'code':
      return (
        <pre className={css.codeBlock}>
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

const blocks = (tokens: readonly Token[] | undefined): ReactNode =>
  (tokens ?? []).map((token, index) => <Fragment key={index}>{blockOf(token)}</Fragment>);

function listOf(list: Tokens.List): ReactNode {
  const items = list.items.map((item, index) => <li key={index}>{blocks(item.tokens)}</li>);
  return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function tableOf(table: Tokens.Table): ReactNode {
  return (
    <table>
      <thead>
        <tr>
          {table.header.map((cell, index) => (
            <th key={index}>{inline(cell.tokens)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {table.rows.map((row, at) => (
          <tr key={at}>
            {row.map((cell, index) => (
              <td key={index}>{inline(cell.tokens)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const inline = (tokens: readonly Token[] | undefined): ReactNode =>
  (tokens ?? []).map((token, index) => <Fragment key={index}>{inlineOf(token)}</Fragment>);

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
      return 'tokens' in token && token.tokens !== undefined ? <>{inline(token.tokens)}</> : token.raw;
    default:
      return token.raw;
  }
}
