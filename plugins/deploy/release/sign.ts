/** Ed25519 signatures over a release's canonical manifest, which names every file by its hash. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { readError, TaraError } from 'tara-gguf/plugin';
import { z } from 'zod';
import { canonical } from './canonical.js';

const signatureSchema = z.object({ algorithm: z.literal('Ed25519'), key: z.string().regex(/^[0-9a-f]{64}$/), signature: z.base64() });
export type Signature = z.infer<typeof signatureSchema>;

/** SHA-256 of the public key's DER form: how people tell keys apart. */
export const fingerprint = (key: KeyObject): string => createHash('sha256').update((key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' })).digest('hex');

/** A new pair as PEM texts. */
export function newKeys(): { readonly privateKey: string; readonly publicKey: string; readonly fingerprint: string } {
  const pair = generateKeyPairSync('ed25519');
  return {
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    fingerprint: fingerprint(pair.publicKey),
  };
}

async function readKey(path: string, make: (pem: string) => KeyObject): Promise<KeyObject> {
  const pem = await readFile(path, 'utf8').catch((thrown: unknown) => { throw readError(path, thrown); });
  let key: KeyObject;
  try {
    key = make(pem);
  } catch (cause) {
    throw new TaraError('TARA_KEY_INVALID', { path, reason: 'it is no PEM key of the kind that is needed' }, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new TaraError('TARA_KEY_INVALID', { path, reason: `it is a key for ${key.asymmetricKeyType ?? 'something else'}, not Ed25519` });
  return key;
}

/** A private key that only its owner can read. Throws TARA_KEY_INVALID, TARA_FILE_NOT_FOUND. */
export async function readPrivateKey(path: string): Promise<KeyObject> {
  const stats = await lstat(path).catch((thrown: unknown) => { throw readError(path, thrown); });
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) throw new TaraError('TARA_KEY_INVALID', { path, reason: 'others can read it; `chmod 600` it, or make a new one' });
  return readKey(path, createPrivateKey);
}

/** Also out of a private key's file. Throws TARA_KEY_INVALID, TARA_FILE_NOT_FOUND. */
export const readPublicKey = (path: string): Promise<KeyObject> => readKey(path, createPublicKey);

export const signManifest = (manifest: unknown, key: KeyObject): Signature =>
  ({ algorithm: 'Ed25519', key: fingerprint(key), signature: sign(null, Buffer.from(canonical(manifest)), key).toString('base64') });

/** Why a signature does not hold for a manifest (as its file has it) and a key; undefined where it does. */
export function signatureFault(text: string, manifest: unknown, key: KeyObject): string | undefined {
  let parsed: Signature | undefined;
  try {
    parsed = signatureSchema.safeParse(JSON.parse(text)).data;
  } catch {
    parsed = undefined;
  }
  if (parsed === undefined) return 'it is no signature';
  if (parsed.key !== fingerprint(key)) return `it is by the key ${parsed.key.slice(0, 16)}…, not ${fingerprint(key).slice(0, 16)}…`;
  return verify(null, Buffer.from(canonical(manifest)), key, Buffer.from(parsed.signature, 'base64')) ? undefined : 'the manifest is not what was signed';
}
