/** Examining as a task of the worker pool: one folder to a thread. */
import { examine, type Examination, type ExamineOptions } from './examine.js';

export interface ExamineInput extends Omit<ExamineOptions, 'signal'> {
  readonly dir: string;
}

const LOOK_MS = 50;

export default async function task({ dir, ...options }: ExamineInput, { check }: { check(): void }): Promise<Examination> {
  const controller = new AbortController();
  const looking = setInterval(() => {
    try {
      check();
    } catch (reason) {
      controller.abort(reason);
    }
  }, LOOK_MS);
  try {
    return await examine(dir, { ...options, signal: controller.signal });
  } finally {
    clearInterval(looking);
  }
}
