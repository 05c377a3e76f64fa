/** What happens, told to those who count. */
import type { ChatEvent } from '../../chat/index.js';
import type { GenerationResult } from '../../engine/index.js';

export interface Recorder {
  /** A request was answered; `route` is the address of its endpoint, or `unknown`. */
  answered(route: string, status: number, seconds: number): void;
  generated(result: GenerationResult): void;
  decided(decision: Extract<ChatEvent, { readonly type: 'decision' }>): void;
}

export const recordAll = (recorders: readonly Recorder[]): Recorder => ({
  answered: (route, status, seconds) => recorders.forEach((one) => one.answered(route, status, seconds)),
  generated: (result) => recorders.forEach((one) => one.generated(result)),
  decided: (decision) => recorders.forEach((one) => one.decided(decision)),
});
