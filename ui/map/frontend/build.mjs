// Bundles the component, its style, MapLibre's worker and the font into ../assets, with their licences.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
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
// Leaflet, for maps by leafmap: without WebGL 2, and saved as a file. Its icons go into its style.
const leaflet = await readFile(`${MODULES}/leaflet/dist/leaflet.js`, 'utf8');
await writeFile(`${OUT}/leaflet.js`, leaflet.replace(/^\/\/# sourceMappingURL.*$/m, '').trimEnd() + '\n');
await build({ entryPoints: [`${MODULES}/leaflet/dist/leaflet.css`], outfile: `${OUT}/leaflet.css`, bundle: true, minify: true, loader: { '.png': 'dataurl' } });
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
// Three packages name the MIT licence and their author, and leave its text out.
function mit({ name, license, author }) {
  const holder = author?.name ?? author;
  if (license !== 'MIT' || !holder) throw new Error(`no licence text for ${name}`);
  return `Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
}
for (const name of names.sort()) {
  if (TOOLS.has(name) || name.startsWith('@esbuild/') || name.startsWith('@types/')) continue;
  const folder = join(MODULES, name);
  const about = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(join(folder, file), 'utf8') : mit(about);
  parts.push(`${about.name} ${about.version} (${about.license})\n\n${text.trim()}\n`);
}
await writeFile(`${OUT}/LICENSES.txt`, parts.join(`\n${'-'.repeat(100)}\n\n`));

// A test compares this with the sources, so that a change without a build is noticed.
const digest = createHash('sha256');
const sources = (await readdir('src')).map((name) => `src/${name}`);
for (const name of [...sources, 'build.mjs', 'package-lock.json'].sort()) digest.update(await readFile(name));
await writeFile(`${OUT}/sources.sha256`, `${digest.digest('hex')}\n`);

const inputs = Object.keys(metafile.inputs).length;
console.log(`bundled ${inputs} files; licences of ${parts.length} packages`);
