// Bundles the component, its style, MapLibre's worker and the font into ../assets, with their licences.
import { build } from 'esbuild';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const OUT = '../assets';
const MODULES = 'node_modules';

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT, { recursive: true });
const { metafile } = await build({
  entryPoints: ['src/index.js', 'src/map.css'],
  entryNames: 'map',
  outdir: OUT,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
});
await copyFile(`${MODULES}/maplibre-gl/dist/maplibre-gl-worker.mjs`, `${OUT}/maplibre-gl-worker.mjs`);
for (const subset of ['latin', 'latin-ext']) {
  await copyFile(`${MODULES}/@fontsource-variable/inter/files/inter-${subset}-wght-normal.woff2`, `${OUT}/inter-${subset}.woff2`);
}

// MapLibre ships its own dependencies inside its bundle, so every installed package but the tools is listed.
const TOOLS = new Set(['esbuild', 'minimist', 'resolve-protobuf-schema', 'protocol-buffers-schema', 'json-stringify-pretty-compact', 'require-from-string']);
const names = (await readdir(MODULES)).filter((name) => !name.startsWith('.') && !name.startsWith('@'));
for (const scope of (await readdir(MODULES)).filter((name) => name.startsWith('@'))) {
  names.push(...(await readdir(join(MODULES, scope))).map((name) => `${scope}/${name}`));
}
const parts = [];
for (const name of names.sort()) {
  if (TOOLS.has(name) || name.startsWith('@esbuild/') || name.startsWith('@types/')) continue;
  const folder = join(MODULES, name);
  const about = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(join(folder, file), 'utf8') : `Licence as its package states: ${about.license}.`;
  parts.push(`${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
}
await writeFile(`${OUT}/LICENSES.txt`, parts.join(`\n${'-'.repeat(100)}\n\n`));

const inputs = Object.keys(metafile.inputs).length;
console.log(`bundled ${inputs} files; licences of ${parts.length} packages`);
