/**
 * A conversation's keys and values as a file: magic, header (JSON), token ids (int32), llama.cpp's state. Read back only into
 * the model and adapters it came from.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { TaraError } from '../errors.js';
import { withFile } from '../formats/index.js';
import { writeWhole } from '../write-whole.js';

export interface ConversationState {
  readonly adapters: Readonly<Record<string, number>>;
  readonly tokens: Int32Array;
  /** As llama.cpp gives it. */
  readonly state: Uint8Array;
}

const MAGIC = Buffer.from('TARASTAT');
const VERSION = 1;
/** Magic, version, bytes of the header. */
const PREFIX_BYTES = MAGIC.length + 8;
const HEADER_LIMIT = 1 << 20;
const HASH_SLICE = 1 << 22;

const headerSchema = z.object({
  model: z.string(),
  adapters: z.record(z.string(), z.number()),
  tokens: z.int().min(1).max(1 << 20),
  stateBytes: z.int().min(1),
  sha256: z.string(),
});

const invalid = (path: string, reason: string): TaraError => new TaraError('TARA_STATE_INVALID', { path, reason });

/** SHA-256 of the parts, in slices between which the event loop goes on. */
async function sha256(parts: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256');
  for (const part of parts) {
    for (let from = 0; from < part.length; from += HASH_SLICE) {
      hash.update(part.subarray(from, from + HASH_SLICE));
      await setImmediate();
    }
  }
  return hash.digest('hex');
}

const SAMPLES = 64;
const SAMPLE_BYTES = 16384;

/** Which weights these are: SHA-256 over size, start and evenly spread samples of the model's file and its adapters'. */
export async function modelIdentity(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    await withFile(path, async (handle, { size }) => {
      hash.update(`${size};`);
      const buffer = Buffer.alloc(SAMPLE_BYTES);
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        const at = Math.floor((Math.max(0, size - SAMPLE_BYTES) * sample) / (SAMPLES - 1));
        const { bytesRead } = await handle.read(buffer, 0, SAMPLE_BYTES, at);
        hash.update(buffer.subarray(0, bytesRead));
      }
    });
  }
  return hash.digest('hex');
}

/** The file appears whole or not at all. Throws TARA_WRITE_FAILED, TARA_DISK_FULL. */
export async function writeState(path: string, model: string, { adapters, tokens, state }: ConversationState): Promise<number> {
  const ids = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  const header = Buffer.from(JSON.stringify({ model, adapters, tokens: tokens.length, stateBytes: state.length, sha256: await sha256([ids, state]) }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(VERSION, MAGIC.length);
  prefix.writeUInt32LE(header.length, MAGIC.length + 4);
  const parts = [prefix, header, ids, state];
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  await writeWhole(path, parts, { bytes });
  return bytes;
}

async function readWhole(handle: FileHandle, path: string, from: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(buffer, done, length - done, from + done);
    if (bytesRead === 0) throw invalid(path, 'it ends too early');
    done += bytesRead;
  }
  return buffer;
}

function parseHeader(path: string, text: string): z.infer<typeof headerSchema> {
  try {
    return headerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TaraError('TARA_STATE_INVALID', { path, reason: 'its header is damaged' }, { cause });
  }
}

/** Throws TARA_FILE_NOT_FOUND, TARA_FILE_UNREADABLE, TARA_STATE_INVALID. */
export function readState(path: string, model: string): Promise<ConversationState> {
  return withFile(path, async (handle, { size }) => {
    if (size < PREFIX_BYTES) throw invalid(path, 'it is no saved conversation');
    const prefix = await readWhole(handle, path, 0, PREFIX_BYTES);
    if (!prefix.subarray(0, MAGIC.length).equals(MAGIC)) throw invalid(path, 'it is no saved conversation');
    const version = prefix.readUInt32LE(MAGIC.length);
    if (version !== VERSION) throw invalid(path, `it is of version ${version}, this program knows ${VERSION}`);
    const headerBytes = prefix.readUInt32LE(MAGIC.length + 4);
    if (headerBytes > HEADER_LIMIT || PREFIX_BYTES + headerBytes > size) throw invalid(path, 'its header is damaged');
    const header = parseHeader(path, (await readWhole(handle, path, PREFIX_BYTES, headerBytes)).toString('utf8'));
    const idBytes = header.tokens * Int32Array.BYTES_PER_ELEMENT;
    if (PREFIX_BYTES + headerBytes + idBytes + header.stateBytes !== size) throw invalid(path, 'it is shorter or longer than it says');
    if (header.model !== model) throw invalid(path, 'it was saved from another model or other adapters');
    const ids = await readWhole(handle, path, PREFIX_BYTES + headerBytes, idBytes);
    const state = await readWhole(handle, path, PREFIX_BYTES + headerBytes + idBytes, header.stateBytes);
    if ((await sha256([ids, state])) !== header.sha256) throw invalid(path, 'its content is damaged');
    const tokens = new Int32Array(header.tokens);
    new Uint8Array(tokens.buffer).set(ids);
    return { adapters: header.adapters, tokens, state };
  });
}
