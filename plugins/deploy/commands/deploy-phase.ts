/** deploy-phase: puts a phase's last good build into a target and makes it current. */
import { resolve } from 'node:path';
import { registryAccess } from 'tara-gguf';
import { deployer, TaraError, type CommandModule, type DeployRequest } from 'tara-gguf/plugin';
import { targetOf } from './target-option.js';

function phaseOf(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new TaraError('TARA_NAME_INVALID', { name: JSON.stringify(text.slice(0, 80)), what: 'phase number', rule: 'a whole number from 1 to 9999' });
  return Number(text);
}

const command: CommandModule = {
  describe(command) {
    command
      .argument('<phase>', 'number of the phase')
      .argument('[target]', 'folder to deploy into (default: deploy/phase-N)')
      .option('--target <dir>', 'the same')
      .option('--dry-run', 'say what would be deployed; write nothing')
      .addHelpText('after', '\nThe target holds releases/ and current.json, which names the release in use. Without a target it is deploy/phase-N\nin the working directory.\n\nExamples:\n  $ tara-gguf deploy-phase 1\n  $ tara-gguf deploy-phase 1 /srv/tara --json');
  },
  async run({ args: [number = '', positional], options, use, signal, progress }) {
    const phase = phaseOf(number);
    const target = resolve(targetOf(positional, options) ?? `deploy/phase-${phase}`);
    const registry = use(registryAccess);
    const { build, domains } = await registry.with('read', (open) => ({ build: open.builds.needGood(phase), domains: open.domains.list(phase) }));
    const report = build.report ?? {};
    const merged = Array.isArray(report.domains) ? report.domains : domains.filter(({ status }) => status === 'complete').map(({ name }) => name);
    const routed = domains.filter(({ name }) => merged.includes(name)).map(({ name, quality }) => ({ name, quality }));
    const request: DeployRequest = {
      phase, target, signal,
      files: build.files.map(({ path, role, domain }) => ({ path, role, ...(domain !== null && { domain }) })),
      metadata: { build: build.id, layout: build.layout, quantization: build.quantization, quality: build.quality, weights: report.weights ?? null, domains: routed, ...(report.routing !== undefined && { routing: report.routing }) },
    };
    if (options.dryRun === true) {
      return { json: { phase, target, build: build.id, files: request.files, bytes: build.bytes }, text: `would deploy ${request.files.map(({ path }) => path).join(', ')} into ${target}` };
    }
    const bar = progress('deploy');
    const release = await use(deployer).deploy({ ...request, onProgress: (fraction, detail) => bar.report(fraction, detail) });
    bar.done();
    await registry.with('write', (open) => open.releases.record({ id: release.id, phase, build: build.id, target, layout: 'plain', info: { previous: release.previous, seconds: release.seconds } }));
    const bytes = release.files.reduce((sum, file) => sum + file.bytes, 0);
    const json = { release: release.id, phase, target, path: release.path, previous: release.previous, files: release.files, bytes, seconds: release.seconds };
    return { json, text: `release ${release.id} is current in ${target}\n${release.files.map((file) => `  ${file.sha256.slice(0, 12)}  ${file.path} (${file.bytes} bytes)`).join('\n')}` };
  },
};

export default command;
