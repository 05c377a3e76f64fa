/** What a layout is: which files of a target, beside releases/, tell its other readers what is served. */
import type { DeployedFile, TargetLayout } from 'tara-gguf/plugin';

export interface ServedDomain {
  readonly name: string;
  readonly keywords: readonly string[];
  readonly description: string | null;
}

/** A release that is to be current, as layouts see it. */
export interface ServedRelease {
  readonly id: string;
  readonly phase: number;
  /** Answers where no domain fits. */
  readonly primary: boolean;
  readonly quantization: string;
  readonly files: readonly DeployedFile[];
  readonly domains: readonly ServedDomain[];
}

/** A file of the target: a blob under another name, or a text that is merged into what is there. */
export type LayoutFile =
  | { readonly path: string; readonly blob: string }
  | { readonly path: string; merge(before: string | null): string };

export interface Layout {
  readonly name: TargetLayout;
  /** Whether a target's own files are of this kind. */
  recognises(target: string): Promise<boolean>;
  /** In the order in which they may change: what names a file comes after it. */
  files(served: readonly ServedRelease[]): readonly LayoutFile[];
}
