/* global document, getComputedStyle, matchMedia, btoa */
/** Looks at the page that it is in, and leaves what it saw in data-probe: a Probe as base64 of JSON. */
const drawings = [...document.querySelectorAll('svg')];

const clipped = (svg) => {
  const edge = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1;
  }).map((text) => text.textContent);
};

/** A colour variable that is not there leaves the initial black. */
const isBlack = (element) => {
  const { fill, fillOpacity, stroke } = getComputedStyle(element);
  const { width, height } = element.getBBox();
  return stroke === 'rgb(0, 0, 0)' || (fill === 'rgb(0, 0, 0)' && fillOpacity !== '0' && width * height > 0);
};

const painted = [...document.querySelectorAll('svg text, svg path, svg rect')].filter((element) => element.closest('defs, clipPath') === null);
const { backgroundColor, color } = getComputedStyle(document.body);
const found = {
  drawings: drawings.map((svg) => ({ label: svg.getAttribute('aria-label') ?? '', width: svg.getBoundingClientRect().width, height: svg.getBoundingClientRect().height })),
  clipped: drawings.flatMap(clipped),
  black: painted.filter(isBlack).map((element) => element.outerHTML),
  scheme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
  colors: [backgroundColor, color],
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
};
document.body.setAttribute('data-probe', btoa(String.fromCodePoint(...new TextEncoder().encode(JSON.stringify(found)))));
