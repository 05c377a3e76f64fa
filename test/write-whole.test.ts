import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isTemporary, replaceBy, writeWhole } from '../src/write-whole.js';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'tara-whole-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const text = (name: string): string => readFileSync(at(name), 'utf8');

/** Pieces with something in between. */
async function* pieces(...parts: readonly (string | (() => unknown))[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (typeof part === 'string') yield Buffer.from(part);
    else await part();
  }
}

const failing = (code: string) => () => { throw Object.assign(new Error(code), { code }); };

test('texts, bytes and pieces are written whole, in the place of what was there', async () => {
  for (const content of ['text', Buffer.from('text'), [Buffer.from('te'), new Uint8Array(0), Buffer.from('xt')], pieces('te', 'xt')]) {
    writeFileSync(at('file'), 'an older and longer one');
    await writeWhole(at('file'), content);
    expect(text('file')).toBe('text');
  }
  expect(readdirSync(folder)).toEqual(['file']);
});

test('two writers at once do not meet: each file is one of theirs, the last one stays', async () => {
  await writeWhole(at('file'), pieces('slow ', async () => {
    await writeWhole(at('file'), 'quick');
    expect(text('file')).toBe('quick');
    expect(readdirSync(folder).filter(isTemporary)).toHaveLength(1);
  }, 'writer'));
  expect(text('file')).toBe('slow writer');
  expect(readdirSync(folder)).toEqual(['file']);
});

test.each([
  ['a full disk', failing('ENOSPC'), { code: 'TARA_DISK_FULL', fields: { needed: 12 } }],
  ['a full quota', failing('EDQUOT'), { code: 'TARA_DISK_FULL' }],
  ['a file as large as the system takes', failing('EFBIG'), { code: 'TARA_DISK_FULL' }],
  ['a broken disk', failing('EIO'), { code: 'TARA_WRITE_FAILED', fields: { reason: 'EIO' } }],
  ['a fault of ours', () => { throw new TypeError('no such thing'); }, { code: 'TARA_INTERNAL', fields: { reason: 'no such thing' } }],
])('%s leaves the old file and nothing else', async (_, fail, error) => {
  writeFileSync(at('file'), 'old');
  await expect(writeWhole(at('file'), pieces('new', fail), { bytes: 12 })).rejects.toMatchObject(error);
  expect(readdirSync(folder)).toEqual(['file']);
  expect(text('file')).toBe('old');
});

test('a signal stops it between two pieces', async () => {
  const controller = new AbortController();
  writeFileSync(at('file'), 'old');
  await expect(writeWhole(at('file'), pieces('new', () => controller.abort(), 'newer'), { signal: controller.signal })).rejects.toMatchObject({ code: 'TARA_ABORTED' });
  expect(readdirSync(folder)).toEqual(['file']);
  expect(text('file')).toBe('old');
});

test('a folder in its place, and a folder that is not there', async () => {
  mkdirSync(at('taken'));
  await expect(writeWhole(at('taken'), 'x')).rejects.toMatchObject({ code: 'TARA_WRITE_FAILED', fields: { path: at('taken') } });
  await expect(writeWhole(at('nowhere/file'), 'x')).rejects.toMatchObject({ code: 'TARA_WRITE_FAILED', fields: { reason: 'ENOENT' } });
  expect(readdirSync(folder)).toEqual(['taken']);
});

test.skipIf(process.platform === 'win32')('permissions, and another folder for the temporary file', async () => {
  mkdirSync(at('through'));
  const seen: string[] = [];
  await writeWhole(at('file'), pieces('x', () => seen.push(...readdirSync(at('through')))), { mode: 0o600, through: at('through') });
  expect(seen.map(isTemporary)).toEqual([true]);
  expect(statSync(at('file')).mode & 0o777).toBe(0o600);
  expect(readdirSync(at('through'))).toEqual([]);
});

test('replaceBy takes away what was made where the rest fails', async () => {
  await expect(replaceBy(at('file'), async (temporary) => {
    writeFileSync(temporary, 'half');
    throw new Error('no more');
  })).rejects.toThrow('no more');
  expect(readdirSync(folder)).toEqual([]);
});
