/** What a search for a smaller model knows. Data only. */

/** Parts that go, whichever tokens do. */
export interface Structure {
  /** Layers that go, ascending. */
  readonly layers: readonly number[];
  /** Channels of every feed-forward network that stay; null for all. */
  readonly width: number | null;
}

export interface Cut extends Structure {
  /** Tokens that stay. */
  readonly tokens: number;
}

/** Losses are nats that a token of the whole vocabulary costs more, on average: what a divergence is for parts, and what text costs for tokens. */
export interface MeasuredStructure extends Structure {
  /** Mean KL divergence from the whole model, and before the weights were refitted; null where nothing is refitted. */
  readonly loss: number;
  readonly unhealed: number | null;
}

export interface MeasuredTokens {
  readonly tokens: number;
  readonly loss: number;
}

/** A cut with what is expected of it. */
export interface Point {
  readonly cut: Cut;
  readonly bytes: number;
  readonly loss: number;
}

/** 0..1, and what is being done. */
export type Progress = (fraction: number, detail: string) => void;

export const WHOLE: Structure = { layers: [], width: null };

export const sameStructure = (a: Structure, b: Structure): boolean => a.width === b.width && a.layers.join() === b.layers.join();

export const structureName = ({ layers, width }: Structure): string =>
  [layers.length === 0 ? '' : `without layer${layers.length > 1 ? 's' : ''} ${layers.join(', ')}`, width === null ? '' : `${width} channels`].filter((part) => part !== '').join(', ') || 'all layers and channels';
