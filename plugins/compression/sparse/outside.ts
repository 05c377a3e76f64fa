/** Text of no domain in particular, in a few kinds: how much longer it becomes in tokens says what a smaller vocabulary costs elsewhere. */
export const OUTSIDE: readonly string[] = [
  'The harbour master closed the northern pier at dusk, and the last ferry waited outside the breakwater until the squall had passed. Nobody on board complained; the galley served soup, and two violinists from the conservatory played until midnight.',
  'Granite forms when magma cools slowly beneath the surface, which gives feldspar, quartz and mica the time to grow into visible crystals. Basalt comes from the same planet-wide furnace, but it erupts, freezes within hours, and keeps its grains too small to see.',
  'Championship standings after the seventh round: Kowalczyk leads by eleven points, Okonkwo and Brandt share second place, and the defending champion has dropped to ninth following a puncture in the penultimate lap.',
  'for (const [index, value] of entries.entries()) {\n  if (!Number.isFinite(value)) throw new RangeError(`entry ${index} is ${value}`);\n  total += value * weights[index];\n}\nreturn total / Math.sqrt(squares);\n',
  'Der Zug nach Innsbruck hatte vierzig Minuten Verspätung, weil oberhalb der Brücke ein Baum auf die Gleise gestürzt war. Die Schaffnerin verteilte Kaffee, erzählte Geschichten und versprach, dass alle Anschlüsse warten würden.',
  'La bibliothèque municipale conserve des manuscrits enluminés, des partitions annotées et une collection étonnante de cartes marines du dix-septième siècle.',
  '{"invoice": 20417, "currency": "EUR", "lines": [{"sku": "AX-7731", "quantity": 12, "unitPrice": 4.75}], "shipTo": {"city": "Groningen", "postcode": "9711 LM"}}',
  'Preheat the oven, whisk three egg yolks with the sugar until pale, fold in the ground almonds and lemon zest, and bake the sponge until a skewer comes out clean. Let it rest overnight: the syrup needs hours to soak through.',
];
