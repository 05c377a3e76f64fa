/** Names this machine's CPU by what code built for it may use; a native build from one machine may crash on another. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

export function cpuIdentity() {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  if (process.platform !== 'linux') return model;
  const line = readFileSync('/proc/cpuinfo', 'utf8').split('\n').find((text) => /^(flags|Features)\s*:/.test(text)) ?? '';
  const flags = line.split(':')[1]?.trim().split(/\s+/).sort().join(' ') ?? '';
  return `${model} ${createHash('sha256').update(flags).digest('hex').slice(0, 16)}`;
}
