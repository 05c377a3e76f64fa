/** doctor: what this machine and this installation have, and what is missing with the way out. */
import { spawnSync } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { addonPaths } from '../../engine/loader.js';
import { nativeCall } from '../../engine/jobs.js';
import { asTaraError } from '../../errors.js';
import type { CoreCommand, CoreContext } from '../context.js';
import { formatBytes } from '../format.js';
import { examples } from '../options.js';

interface Check {
  readonly name: string;
  /** `info` never fails the command. */
  readonly status: 'ok' | 'info' | 'fail';
  readonly detail: string;
}

const versionOf = (command: string): string | undefined => {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  return status === 0 ? stdout.split('\n')[0]?.trim() : undefined;
};

function addonChecks(): Check[] {
  try {
    const { system, llama, cores } = nativeCall('system.info') as { system: string; llama: string; cores: number };
    return [
      { name: 'addon', status: 'ok', detail: `loaded, ${cores} cores, llama.cpp ${llama}` },
      { name: 'instruction sets', status: 'info', detail: system.replace(/\s+/g, ' ').trim() },
    ];
  } catch (thrown) {
    const error = asTaraError(thrown);
    return [{ name: 'addon', status: 'fail', detail: `${error.message} ${error.hint} Looked at: ${addonPaths().join(', ')}` }];
  }
}

async function diskCheck(context: CoreContext): Promise<Check> {
  const disk = await statfs(context.cwd).catch(() => undefined);
  return disk ? { name: 'disk', status: 'info', detail: `${formatBytes(disk.bavail * disk.bsize)} free here` } : { name: 'disk', status: 'fail', detail: `cannot read ${context.cwd}` };
}

async function registryCheck(context: CoreContext): Promise<Check> {
  try {
    const registry = await context.registry('read');
    return { name: 'registry', status: 'ok', detail: `${registry.home.path}: ${registry.phases.list().length} phases` };
  } catch (thrown) {
    const error = asTaraError(thrown);
    return { name: 'registry', status: 'fail', detail: `${error.code}: ${error.message} ${error.hint}` };
  }
}

const command: CoreCommand = {
  describe(command) {
    command.addHelpText('after', examples('doctor', 'doctor --json'));
  },
  async run(context) {
    const tool = (name: string, use: string): Check => {
      const found = versionOf(name);
      return { name, status: 'info', detail: found ?? `not found (${use})` };
    };
    const checks: Check[] = [
      { name: 'node', status: 'ok', detail: `${process.versions.node} on ${process.platform}-${process.arch}` },
      { name: 'cpu', status: 'info', detail: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} usable` },
      { name: 'memory', status: 'info', detail: `${formatBytes(freemem())} free of ${formatBytes(totalmem())}` },
      ...addonChecks(),
      await registryCheck(context),
      await diskCheck(context),
      tool('c++', 'needed only to build the addon'),
      tool('cmake', 'needed only to build the addon'),
    ];
    const failed = checks.some(({ status }) => status === 'fail');
    return {
      json: { ok: !failed, checks },
      text: checks.map(({ name, status, detail }) => `${status === 'fail' ? 'FAIL' : status === 'ok' ? 'ok  ' : '    '}  ${name.padEnd(17)}${detail}`).join('\n'),
      exitCode: failed ? 1 : 0,
    };
  },
};

export default command;
