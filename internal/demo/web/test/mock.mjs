// A stand-in for the server, to work on the page without Go: the real items
// and orders, a plain co-occurrence model, the API's shapes.
//   node test/mock.mjs [port]
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const rows = (name) => {
  const raw = readFileSync(join(root, 'data', name))
  return (name.endsWith('.gz') ? gunzipSync(raw) : raw).toString().trimEnd().split('\n').slice(1).map((l) => l.split('\t'))
}

const items = rows('items.tsv.gz').map(([id, name, price, category, colour, material, pattern]) => ({ id, name, price: Number(price), category, colour, material, pattern }))
const position = new Map(items.map((t, i) => [t.id, i]))
const customers = rows('customers.tsv').map(([id, label, orders, leaning, text]) => ({ id, label, orders: Number(orders), leaning, text }))
const orders = rows('sessions.tsv.gz').map(([, customer, list]) => ({ customer, items: list.split(' ').map(Number) }))
const holding = items.map(() => [])
orders.forEach((o, n) => o.items.forEach((i) => holding[i].push(n)))

/** Items bought together with item i, as weights that add up to about one. */
const together = (i) => {
  const w = new Map()
  for (const n of holding[i]) {
    const o = orders[n].items
    for (const j of o) if (j !== i) w.set(j, (w.get(j) ?? 0) + 1 / (Math.sqrt(holding[j].length * holding[i].length) * Math.sqrt(o.length)))
  }
  return w
}

const sessions = new Map() // visitor/session → events, newest first
const key = (q) => `${q.anonymous_id}/${q.session_id}`
const fold = (q) => {
  const kept = sessions.get(key(q)) ?? []
  let fresh = 0
  for (const e of q.events ?? []) {
    if (kept.some((k) => k.event_id === e.event_id)) continue
    kept.unshift(e)
    fresh++
  }
  sessions.set(key(q), kept)
  return fresh
}

const scale = (w) => {
  const top = Math.max(...w.values(), 1e-9)
  return new Map([...w].map(([k, v]) => [k, v / top]))
}

const KIND = { view: 1, click: 1, wish_add: 2, cart_add: 3, purchase: 4 }

function recommend(q, explain) {
  fold(q)
  const events = (sessions.get(key(q)) ?? []).filter((e) => e.item_id && KIND[e.kind])
  const steps = events.filter((e, i) => i === 0 || events[i - 1].item_id !== e.item_id).slice(0, 10)
  const from = q.placement === 'item' && q.context?.item_id ? [{ item_id: q.context.item_id, kind: 'view' }, ...steps] : steps
  const S = new Map()
  from.forEach((e, b) => {
    for (const [j, w] of together(position.get(e.item_id) ?? 0)) S.set(j, (S.get(j) ?? 0) + w * (KIND[e.kind] ?? 1) * Math.exp(-b / 2))
  })
  const P = new Map()
  orders.filter((o) => q.user_id && o.customer === q.user_id).forEach((o, n) => o.items.forEach((i) => P.set(i, (P.get(i) ?? 0) + 1 + n / 9)))
  const n = steps.reduce((t, e) => t + KIND[e.kind], 0)
  const a = q.blend?.a ?? (n === 0 ? 0 : P.size === 0 ? 1 : (0.75 * n) / (n + 0.33))
  const blend = { session: n === 0 && q.blend === undefined ? 0 : a, profile: P.size === 0 ? 0 : 1 - a }
  const s = scale(S)
  const p = scale(P)
  const seen = new Set([...steps.map((e) => position.get(e.item_id)), position.get(q.context?.item_id)])
  const only = q.candidates && new Set(q.candidates.map((id) => position.get(id)))
  const score = new Map()
  for (const i of new Set([...s.keys(), ...p.keys(), ...items.keys()].slice(0, 4000))) {
    if (seen.has(i) || (only && !only.has(i))) continue
    score.set(i, blend.session * (s.get(i) ?? 0) + blend.profile * (p.get(i) ?? 0) + 0.002 / (1 + i))
  }
  const list = [...score].sort((x, y) => y[1] - x[1] || x[0] - y[0]).slice(0, q.limit ?? 20)
  return {
    recommendation_id: 'mock',
    placement: q.placement,
    items: list.map(([i, v], k) => ({ item_id: items[i].id, slot: k + 1, score: v, reason: reason(blend.session * (s.get(i) ?? 0), blend.profile * (p.get(i) ?? 0)), attributes: {}, ...(explain ? { ledger: ledger(blend, s.get(i), p.get(i)) } : {}) })),
    blend,
    session: { session_id: q.session_id, events: (sessions.get(key(q)) ?? []).length },
    degraded: [],
    versions: { model: 'mock' },
    ...(explain ? { explanation: { candidates: { rows: s.size, profile: p.size, popular: 50 }, drops: { seen: seen.size }, why_not: (q.why_not ?? []).map((id) => ({ item_id: id, stage: seen.has(position.get(id)) ? 'retrieve' : 'limit', detail: seen.has(position.get(id)) ? 'already seen in this session' : `ranked below the last place` })) } } : {}),
  }
}

const reason = (s, p) => (s < 1e-4 && p < 1e-4 ? 'popular' : s > 4 * p ? 'session' : p > 4 * s ? 'profile' : 'blend')
const ledger = (b, s = 0, p = 0) => [
  { stage: 'score', signal: 'rows', value: b.session * s, factor: b.session },
  { stage: 'score', signal: 'profile_affinity', value: b.profile * p, factor: b.profile },
]

const body = async (req) => {
  let s = ''
  for await (const c of req) s += c
  return JSON.parse(s)
}

async function answer(req, url) {
  switch (`${req.method} ${url.pathname}`) {
    case 'GET /demo/catalog':
      return { currency: 'GBP', items }
    case 'GET /demo/customers':
      return { customers }
    case 'GET /demo/session': {
      const id = url.searchParams.get('anonymous_id')
      const [k, events] = [...sessions].filter(([k]) => k.startsWith(`${id}/`)).at(-1) ?? []
      return { anonymous_id: id, session: k ? { session_id: k.split('/')[1], events: events.length, recent_events: events } : null, profile: null }
    }
    case 'POST /v1/events': {
      const q = await body(req)
      const fresh = fold(q)
      return { accepted: fresh, duplicate: q.events.length - fresh, invalid: [], shed: 0, durability: 'os' }
    }
    case 'POST /v1/recommendations':
      return recommend(await body(req), false)
    case 'POST /demo/recommendations':
      return recommend(await body(req), true)
  }
}

const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', html: 'text/html; charset=utf-8' }

export function serve(port) {
  const server = createServer(async (req, res) => {
    const url = new URL(req.url, 'http://localhost')
    const file = url.pathname === '/' ? 'index.html' : url.pathname.startsWith('/demo/assets/') ? url.pathname.slice('/demo/'.length) : ''
    res.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'")
    if (file) {
      res.setHeader('Content-Type', TYPES[file.split('.').at(-1)])
      return res.end(readFileSync(join(root, 'dist', file)))
    }
    const a = await answer(req, url)
    res.statusCode = a ? 200 : 404
    res.setHeader('Content-Type', 'application/json')
    res.setHeader('Server-Timing', 'session;dur=0.021, profile;dur=0.034, retrieve;dur=0.118, score;dur=0.072, merchandise;dur=0.009')
    res.end(JSON.stringify(a ?? { detail: 'not here' }))
  })
  return new Promise((done) => server.listen(port, '127.0.0.1', () => done(server)))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const server = await serve(Number(process.argv[2] ?? 8099))
  console.log(`http://127.0.0.1:${server.address().port}/`)
}
