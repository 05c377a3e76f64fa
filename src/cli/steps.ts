/** Work in named steps (demo, setup): listr2 draws it on a terminal; elsewhere nothing is drawn. */
import { Listr, ListrLogger, ProcessOutput } from 'listr2';
import type { CoreContext } from './context.js';

export interface Step {
  readonly title: string;
  /** Does the step; `tell` replaces the line below its title. */
  run(tell: (detail: string) => void): Promise<void>;
}

/** Runs the steps in order; the first failure ends them and is thrown as it came. */
export async function runSteps(context: Pick<CoreContext, 'interactive' | 'signal'>, steps: readonly Step[]): Promise<void> {
  const list = new Listr(
    steps.map((step) => ({
      title: step.title,
      task: async (_: unknown, task: { output: string }) => {
        context.signal.throwIfAborted();
        await step.run((detail) => {
          task.output = detail;
        });
      },
    })),
    {
      // stdout belongs to the command's result.
      renderer: context.interactive ? 'default' : 'silent',
      rendererOptions: { logger: new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(process.stderr, process.stderr) }) },
      exitOnError: true,
      registerSignalListeners: false,
    },
  );
  await list.run();
}
