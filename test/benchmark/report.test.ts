/** The page of a benchmark: what is in it, and what a browser makes of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Benchmark } from '../../src/benchmark/index.js';
import { writeReport } from '../../src/benchmark/index.js';
import page from '../../src/benchmark/report/page.js';
import { bitsOf, bytesByPart, placeOf } from '../../src/benchmark/report/groups.js';
import { significant } from '../../src/page/text.js';
import type { Pool } from '../../src/workers/index.js';
import { chromium, open } from './chromium.js';
import { CHOICES, row, sampleBenchmark } from './sample.js';

const folder = mkdtempSync(join(tmpdir(), 'tara-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const drawn = async (benchmark: Benchmark): Promise<string> => page(benchmark, { check: () => undefined });
let html = '';
beforeAll(async () => {
  html = await drawn(sampleBenchmark());
});

describe('the page', () => {
  it('needs no script and nothing from elsewhere', () => {
    expect(/<script|<iframe|<object|<embed|javascript:|\son\w+=/i.exec(html)?.[0]).toBeUndefined();
    expect(html.match(/(?:src|href)="[^"]*"/g)).toEqual(['href="data:,"']);
    expect(/url\((?!#)|@import/.exec(html)?.[0]).toBeUndefined();
    expect([...html.matchAll(/https?:\/\/[^"\s]+/g)].map(([url]) => url).filter((url) => !url.startsWith('http://www.w3.org/'))).toEqual([]);
  });

  it('escapes what files and users named', () => {
    expect(html.split('SmolLM2 135M &#60;Instruct&#62;')).toHaveLength(3);
    expect(html.includes('<Instruct>')).toBe(false);
  });

  it('gives no id to two elements', () => {
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThan(4);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says every figure in words too', () => {
    const { rows } = sampleBenchmark();
    const labels = [...html.matchAll(/aria-label="(Mean KL[^"]*)"/g)].map(([, label]) => label ?? '');
    expect(labels).toEqual([expect.stringContaining('hybrid 88 MB, 89.3 MB, 0.085')]);
    expect(labels[0]).not.toContain('Q4_K_M');
    for (const { name, bytes, quality } of rows) {
      const line = new RegExp(`<tr class="\\w*"><th scope="row">${name}<small>.*?</tr>`, 's').exec(html)?.[0] ?? '';
      expect(line).toContain(`<td>${(bytes / 1e6).toFixed(1)} MB</td>`);
      expect(line).toContain(`<td>${significant(quality.kld.mean)}<small>`);
      expect(line).toContain(`<td>${(quality.topTokenAgreement * 100).toFixed(1)} %</td>`);
    }
    expect(html.includes('<tr class="front"><th scope="row">hybrid 104 MB')).toBe(true);
    expect(html.includes('<tr class=""><th scope="row">Q5_K_M')).toBe(true);
  });

  it('gives every matrix with its type in every file', () => {
    expect(html.match(/<tr><th scope="row">blk\.\d+\./g)).toHaveLength(30 * 7);
    expect(html.includes('<th scope="row">blk.3.attn_v.weight</th><td>576 × 192</td>')).toBe(true);
  });

  it('stands without speed, without quality loss, with one file', async () => {
    const lossless = { ...row({ name: 'F16', kld: 0, typeOf: () => 'f16' }), speed: null };
    const small = await drawn({ ...sampleBenchmark([lossless]), runs: 0, reference: { ...sampleBenchmark().reference, speed: null } });
    expect(['Quality against size', 'Speed and memory', 'Where the bits went'].filter((title) => small.includes(title))).toEqual(['Where the bits went']);
    expect(/NaN|undefined|Infinity/.exec(small)?.[0]).toBeUndefined();
  });

  it('is written whole, or not at all', async () => {
    const pool = (run: () => Promise<string>): Pool => ({ run: <T>() => run() as Promise<T>, close: () => Promise.resolve() });
    const path = join(folder, 'report.html');
    await writeReport(path, sampleBenchmark(), { pool: pool(() => Promise.resolve('<html>')) });
    expect(await readFile(path, 'utf8')).toBe('<html>');
    await expect(writeReport(join(folder, 'none', 'report.html'), sampleBenchmark(), { pool: pool(() => Promise.resolve('')) })).rejects.toMatchObject({ code: 'TARA_WRITE_FAILED' });
    await expect(writeReport(path, sampleBenchmark(), { pool: pool(() => Promise.resolve('new')), signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'TARA_ABORTED' });
    expect(await readFile(path, 'utf8')).toBe('<html>');
    expect(await readdir(folder)).toEqual(['report.html']);
  });
});

describe('tensors', () => {
  it('are found by layer and role', () => {
    expect(placeOf('blk.12.ffn_down.weight')).toEqual({ layer: 12, role: 'ffn_down' });
    expect(placeOf('blk.0.ffn_gate_exps.weight')).toEqual({ layer: 0, role: 'ffn_gate_exps' });
    expect(placeOf('token_embd.weight')).toEqual({ layer: null, role: 'token_embd' });
  });

  it('have the bits of their blocks, and their parts add up to all bytes', () => {
    expect(bitsOf({ name: 'a', ne: [256, 2], type: 'q4_k', bytes: 288 })).toBe(4.5);
    const { tensors } = row(CHOICES[4] ?? { name: '', kld: 1, typeOf: () => 'f16' });
    const parts = bytesByPart(tensors);
    expect(Object.values(parts).reduce((sum, bytes) => sum + bytes)).toBe(tensors.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(parts['token embedding']).toBe((576 * 49152 * 34) / 32);
  });
});

it('numbers keep their significant digits', () => {
  expect([0.0857, 105.28, 12345.6, 0.0012345, 0, Number.NaN].map((value) => significant(value))).toEqual(['0.0857', '105', '12346', '0.00123', '0', '–']);
  expect(significant(0.000088, 2)).toBe('0.000088');
});

/** Relative luminance of a `rgb(r, g, b)`, by WCAG 2. */
const luminance = (color: string): number => {
  const [r = 0, g = 0, b = 0] = (color.match(/\d+/g) ?? []).map((part) => Number(part) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

describe.skipIf(chromium === undefined)('in a browser', () => {
  for (const view of [{ scheme: 'light', width: 1200 }, { scheme: 'dark', width: 1200 }, { scheme: 'light', width: 600 }] as const) {
    it(`${view.scheme}, ${view.width} pixels wide: everything is drawn within its edges and nothing complains`, { timeout: 180_000 }, async () => {
      const { probe, screenshot, complaints } = await open(html, view);
      expect(complaints).toEqual([]);
      expect(probe.scheme).toBe(view.scheme);
      // Quality, four of speed and memory, parts, one of tensors for each file.
      expect(probe.drawings).toHaveLength(6 + CHOICES.length);
      for (const drawing of probe.drawings) {
        expect(drawing.label.length).toBeGreaterThan(20);
        expect(drawing.width).toBeGreaterThan(250);
        expect(drawing.height).toBeGreaterThan(60);
      }
      expect(probe.clipped).toEqual([]);
      expect(probe.black).toEqual([]);
      expect(probe.overflow).toBe(0);
      const [dark = 0, light = 0] = probe.colors.map(luminance).sort((a, b) => a - b);
      expect((light + 0.05) / (dark + 0.05)).toBeGreaterThan(7);
      expect(Buffer.from(screenshot.subarray(1, 4)).toString()).toBe('PNG');
      expect(Buffer.from(screenshot).readUInt32BE(16)).toBe(view.width);
      expect(screenshot.length).toBeGreaterThan(20_000);
    });
  }
});
