/** Finds and loads the addon; when it fails, says everything it tried and what to do. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { TaraError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import type { Binding } from './native.js';

const require = createRequire(import.meta.url);

/** This CPU as scripts/cpu.mjs names it when it stamps a build. */
function cpuIdentity(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  if (process.platform !== 'linux') return model;
  const line = readFileSync('/proc/cpuinfo', 'utf8').split('\n').find((text) => /^(flags|Features)\s*:/.test(text)) ?? '';
  const flags = line.split(':')[1]?.trim().split(/\s+/).sort().join(' ') ?? '';
  return `${model} ${createHash('sha256').update(flags).digest('hex').slice(0, 16)}`;
}

/** Why this file must not be loaded here, or undefined. A build for another CPU may die on an illegal instruction. */
function refusal(addon: string): string | undefined {
  if (!existsSync(addon)) return 'no such file';
  const stamp = join(dirname(addon), 'tara_gguf.json');
  if (!existsSync(stamp)) return undefined;
  const { cpu } = JSON.parse(readFileSync(stamp, 'utf8')) as { cpu?: string };
  return cpu === undefined || cpu === 'any' || cpu === cpuIdentity() ? undefined : `built for another CPU (${cpu})`;
}

/** Where an addon may be, best first. */
export function addonPaths(): string[] {
  const root = packageRoot();
  const named = process.env['TARA_GGUF_ADDON'];
  return [
    ...(named === undefined ? [] : [named]),
    join(root, 'build', 'Release', 'tara_gguf.node'),
    join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'tara_gguf.node'),
  ];
}

let loaded: Binding | undefined;

/** The addon of this environment. Throws TARA_NATIVE_LOAD with every path tried and the reason for each. */
export function loadBinding(): Binding {
  if (loaded) return loaded;
  const tried: string[] = [];
  for (const path of addonPaths()) {
    const reason = refusal(path);
    if (reason === undefined) {
      try {
        loaded = require(path) as Binding;
        return loaded;
      } catch (error) {
        tried.push(`${path}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
        continue;
      }
    }
    tried.push(`${path}: ${reason}`);
  }
  const platform = `${process.platform}-${process.arch}, Node ${process.versions.node}`;
  throw new TaraError('TARA_NATIVE_LOAD', { reason: `${platform}; tried ${tried.join('; ')}` });
}
