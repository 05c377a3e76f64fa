/** An echarts option as an SVG text: rendered here, so that the page needs no script. Colours are the page's CSS variables. */
import type * as echarts from 'echarts/core';

export interface Drawing {
  readonly option: echarts.EChartsCoreOption;
  readonly width: number;
  readonly height: number;
  /** What it shows, for readers who do not see it. */
  readonly label: string;
}

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** The parts of echarts that the charts use; loaded by those who draw. */
async function load(): Promise<typeof echarts> {
  const [core, charts, components, features, renderers] = await Promise.all([
    import('echarts/core'), import('echarts/charts'), import('echarts/components'), import('echarts/features'), import('echarts/renderers'),
  ]);
  core.use([charts.ScatterChart, charts.LineChart, charts.BarChart, charts.HeatmapChart]);
  core.use([components.GridComponent, components.LegendComponent, components.VisualMapComponent, features.LabelLayout, renderers.SVGRenderer]);
  return core;
}

/** One `<svg>` element for each drawing, scaling with the page. */
export async function draw(drawings: readonly Drawing[]): Promise<string[]> {
  const { init } = await load();
  return drawings.map(({ option, width, height, label }) => {
    const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
    try {
      chart.setOption({ animation: false, ...option });
      const svg = chart.renderToSVGString({ useViewBox: true });
      // What a live chart needs: nothing here answers to a pointer.
      return svg
        .replace(/<style\b[\s\S]*?<\/style>/g, '')
        .replace(/ (?:class|pointer-events|ecmeta_\w+)="[^"]*"/g, '')
        .replace('<svg ', `<svg role="img" aria-label="${escapeHtml(label)}" `);
    } finally {
      chart.dispose();
    }
  });
}
