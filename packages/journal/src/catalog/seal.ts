import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { JournalError } from '../errors.ts';

const FORMAT = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Seals and opens secrets. `place` names the row, so that a sealed value copied to another row does not open there. */
export type Seal = {
  readonly close: (place: string, secret: string) => Uint8Array<ArrayBuffer>;
  readonly open: (place: string, sealed: Uint8Array) => string;
};

/**
 * AES-256-GCM. Layout: format (1 byte, 1), iv (12), tag (16), ciphertext. Without a key, or with one that is not 32 bytes,
 * both throw `secret_key_missing`; what was sealed with another key or for another place throws `secret_unreadable`.
 */
export function createSeal(key: Buffer | undefined): Seal {
  const needKey = (): Buffer => {
    if (key?.length === 32) return key;
    throw new JournalError('secret_key_missing', 'no 32-byte key to seal secrets with', {
      hint: 'set SWITCHYARD_SECRET_KEY',
    });
  };
  return {
    close: (place, secret) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', needKey(), iv).setAAD(Buffer.from(place));
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return Uint8Array.from(Buffer.concat([Buffer.from([FORMAT]), iv, cipher.getAuthTag(), text]));
    },
    open: (place, sealed) => {
      const bytes = Buffer.from(sealed);
      try {
        if (bytes[0] !== FORMAT) throw new Error(`sealed with unknown format ${bytes[0]}`);
        const tag = bytes.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES);
        const opener = createDecipheriv('aes-256-gcm', needKey(), bytes.subarray(1, 1 + IV_BYTES))
          .setAAD(Buffer.from(place))
          .setAuthTag(tag);
        return Buffer.concat([opener.update(bytes.subarray(1 + IV_BYTES + TAG_BYTES)), opener.final()]).toString(
          'utf8',
        );
      } catch (error) {
        if (error instanceof JournalError) throw error;
        throw new JournalError('secret_unreadable', `the secret of ${place} cannot be opened`, {
          hint: 'it was sealed with another SWITCHYARD_SECRET_KEY; enter it anew',
          cause: error,
        });
      }
    },
  };
}
