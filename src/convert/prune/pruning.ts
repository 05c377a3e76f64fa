/** What of a model stays, by place in the file that is pruned; what is left out here stays whole. Data only. */
export interface Pruning {
  /** Ids of the tokens that stay, ascending. */
  readonly tokens?: readonly number[] | undefined;
  /** Layers that stay, ascending. */
  readonly layers?: readonly number[] | undefined;
  /** Channels of the feed-forward networks that stay, ascending, by layer. */
  readonly channels?: Readonly<Record<number, readonly number[]>> | undefined;
  /** A safetensors file of weights that take the place of the model's own, under its names and in the shape that they have afterwards. */
  readonly weights?: string | undefined;
}
