import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * The address by which somebody outside answers a waiting step. It names the run, the step and the epoch of the wait, signed
 * with the installation's key: who has it may answer this very wait and nothing else, and only while it waits.
 */

/** What is answered there. */
export type LinkKind = 'approvals' | 'resume';

/** A wait, by its name. */
export type WaitName = { readonly runId: string; readonly stepKey: string; readonly epoch: number };

/** Makes and reads addresses. */
export interface Links {
  /** The whole address; null where the installation has no key. */
  address(kind: LinkKind, wait: WaitName): string | null;
  /** The wait a token names; null when it is not one of ours for this kind. */
  read(kind: LinkKind, token: string): WaitName | null;
}

const MAC_BYTES = 16;
const UUID_LENGTH = 36;

/** Links signed with this key, below this address. */
export function linksOf(key: Buffer | null, baseUrl: string): Links {
  if (key === null) return { address: () => null, read: () => null };
  const mac = (kind: LinkKind, name: string): Buffer =>
    createHmac('sha256', key).update(`link/${kind}/${name}`).digest().subarray(0, MAC_BYTES);
  return {
    address: (kind, { runId, stepKey, epoch }) => {
      const name = `${runId}.${stepKey}.${epoch}`;
      const token = `${Buffer.from(name).toString('base64url')}.${mac(kind, name).toString('base64url')}`;
      return `${baseUrl}/${kind}/${token}`;
    },
    read: (kind, token) => {
      const [named = '', signed = ''] = token.split('.');
      const name = Buffer.from(named, 'base64url').toString('utf8');
      const given = Buffer.from(signed, 'base64url');
      if (given.length !== MAC_BYTES || !timingSafeEqual(given, mac(kind, name))) return null;
      const end = name.lastIndexOf('.');
      return {
        runId: name.slice(0, UUID_LENGTH),
        stepKey: name.slice(UUID_LENGTH + 1, end),
        epoch: Number(name.slice(end + 1)),
      };
    },
  };
}
