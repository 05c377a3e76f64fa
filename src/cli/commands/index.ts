/** The core commands. Each is a file of its own, loaded when it runs: start-up costs only what the command needs. */
import type { CoreCommand } from '../context.js';

export interface CoreCommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly default: CoreCommand }>;
}

export const CORE_COMMANDS: readonly CoreCommandEntry[] = [
  { name: 'create-phase', summary: 'make a phase, with its domains and settings', load: () => import('./create-phase.js') },
  { name: 'add-domain', summary: 'add a domain to a phase, or give a known one another adapter', load: () => import('./add-domain.js') },
  { name: 'update-domain', summary: "record a domain's status, quality and metrics", load: () => import('./update-domain.js') },
  { name: 'list-phases', summary: 'list the phases with their status', load: () => import('./list-phases.js') },
  { name: 'show-phase', summary: 'show one phase: settings, domains, builds, releases', load: () => import('./show-phase.js') },
  { name: 'advance-phase', summary: 'go on from a deployed phase to the next', load: () => import('./advance-phase.js') },
  { name: 'cleanup-phase', summary: "remove a phase's failed and superseded builds", load: () => import('./cleanup-phase.js') },
  { name: 'build-phase', summary: "make a phase's complete domains and their base into compressed GGUF files", load: () => import('./build-phase.js') },
  { name: 'metrics', summary: 'rates, sizes, times and qualities of phases, as a table, JSON or Prometheus text', load: () => import('./metrics.js') },
  { name: 'report', summary: 'the life of phases as one HTML page', load: () => import('./report.js') },
  { name: 'convert', summary: 'a checkpoint, with adapters merged into it, to GGUF', load: () => import('./convert.js') },
  { name: 'merge', summary: 'adapters into their base, or two models into one', load: () => import('./merge.js') },
  { name: 'quantize', summary: 'a GGUF file to one or several types in one pass', load: () => import('./quantize.js') },
  { name: 'evaluate', summary: 'perplexity of a GGUF file, and how far it is from a reference', load: () => import('./evaluate.js') },
  { name: 'imatrix', summary: 'how much each column of each weight matters on calibration text, for quantize', load: () => import('./imatrix.js') },
  { name: 'distill', summary: 'a quantized or pruned GGUF file learns what its unquantized model says', load: () => import('./distill.js') },
  { name: 'benchmark', summary: 'what each type costs and keeps on this model and machine: size, quality, speed, memory', load: () => import('./benchmark.js') },
  { name: 'inspect', summary: 'what is in a GGUF (here or at an address), safetensors, checkpoint or adapter', load: () => import('./inspect.js') },
  { name: 'generate', summary: 'answer one prompt from a GGUF file', load: () => import('./generate.js') },
  { name: 'chat', summary: 'talk with a model, routed and emotion-aware', load: () => import('./chat.js') },
  { name: 'serve', summary: 'an OpenAI-compatible server over a model or a deployment target', load: () => import('./serve.js') },
  { name: 'plugins', summary: 'list the plugins and why one failed', load: () => import('./plugins.js') },
  { name: 'doctor', summary: 'check this machine and installation', load: () => import('./doctor.js') },
  { name: 'demo', summary: 'the whole way on a real model: build, deploy, answer, measure', load: () => import('./demo.js') },
];
