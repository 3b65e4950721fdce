// Builds the shop's page into ../dist: hashed names, the same bytes every time.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const dist = join(here, '..', 'dist')

const hashed = (name, ext, body) => `${name}-${createHash('sha256').update(body).digest('hex').slice(0, 10)}.${ext}`

const bundle = async (entry) => {
  const out = await build({
    entryPoints: [join(here, 'src', entry)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['chrome109', 'firefox115', 'safari16.4'],
    legalComments: 'none',
    ...(entry.endsWith('.tsx') ? { banner: { js: `/*! With Preact (MIT): ${licenceName} */` } } : {}),
    charset: 'utf8',
    jsx: 'automatic',
    jsxImportSource: 'preact',
  })
  return out.outputFiles[0].contents
}

// The licence of the one library in the bundle travels with it.
const licence = readFileSync(join(here, 'node_modules', 'preact', 'LICENSE'))
const licenceName = hashed('preact-licence', 'txt', licence)

const js = await bundle('main.tsx')
const css = await bundle('style.css')
const icon = readFileSync(join(here, 'src', 'icon.svg'))
const names = { js: hashed('shop', 'js', js), css: hashed('shop', 'css', css), icon: hashed('icon', 'svg', icon) }
const html = readFileSync(join(here, 'src', 'index.html'), 'utf8')
  .replace('%JS%', `/demo/assets/${names.js}`)
  .replace('%CSS%', `/demo/assets/${names.css}`)
  .replace('%ICON%', `/demo/assets/${names.icon}`)

rmSync(dist, { recursive: true, force: true })
mkdirSync(join(dist, 'assets'), { recursive: true })
writeFileSync(join(dist, 'index.html'), html)
writeFileSync(join(dist, 'assets', names.js), js)
writeFileSync(join(dist, 'assets', names.css), css)
writeFileSync(join(dist, 'assets', names.icon), icon)
writeFileSync(join(dist, 'assets', licenceName), licence)
console.log(`${names.js} ${js.length} B, ${names.css} ${css.length} B`)
