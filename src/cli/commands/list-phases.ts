/** list-phases: every phase in a line. */
import type { CoreCommand } from '../context.js';
import { formatBytes } from '../format.js';
import { examples } from '../options.js';
import { phaseJson } from '../phase-view.js';
import { table } from '../table.js';

const command: CoreCommand = {
  describe(command) {
    command.addHelpText('after', examples('list-phases', 'list-phases --json'));
  },
  async run(context) {
    const registry = await context.registry('read');
    const phases = registry.phases.list().map((phase) => phaseJson(registry, phase.number));
    const text = phases.length === 0 ? 'no phases yet; make one with `tara-gguf create-phase 1 --domains NAME`' : table([
      { title: '', value: (phase) => (phase.current ? '*' : '') },
      { title: 'PHASE', value: (phase) => String(phase.phase), align: 'right' },
      { title: 'STATUS', value: (phase) => phase.status },
      { title: 'TYPE', value: (phase) => phase.settings.quantization },
      { title: 'DOMAINS', value: (phase) => `${phase.domains.filter((domain) => domain.status === 'complete').length}/${phase.domains.length} complete` },
      { title: 'BUILT', value: (phase) => (phase.output?.bytes == null ? '-' : formatBytes(phase.output.bytes)), align: 'right' },
      { title: 'RELEASE', value: (phase) => phase.release ?? '-' },
    ], phases);
    return { json: { phases }, text };
  },
};

export default command;
