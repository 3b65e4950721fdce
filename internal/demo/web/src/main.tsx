// The shop's page: header, "for you", the page in view and the panel.
import { render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Patterns } from './art'
import { Client } from './client'
import { Ledger } from './ledger'
import { Page } from './pages'
import { Panel } from './panel'
import { href } from './route'
import { Recommended } from './shelf'
import { Shop } from './store'
import { ShopContext, useShop } from './use'

function Header() {
  const [{ cart, route }] = useShop()
  const box = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(route.at === 'search' ? route.query : '')
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      if (e.key !== '/' || /^(INPUT|TEXTAREA|SELECT)$/.test((e.target as HTMLElement).tagName)) return
      e.preventDefault()
      box.current?.focus()
    }
    addEventListener('keydown', key)
    return () => removeEventListener('keydown', key)
  }, [])
  return (
    <header class="top">
      <a class="brand" href="#/">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <circle class="s" cx="12" cy="16" r="9" />
          <circle class="p" cx="20" cy="16" r="9" />
        </svg>
        <span class="word">Tuppence</span>
        <span class="quiet">a shop that runs on nextbest</span>
      </a>
      <form
        role="search"
        onSubmit={(e) => {
          e.preventDefault()
          const q = text.trim()
          if (q) location.hash = href({ at: 'search', query: q })
        }}
      >
        <input ref={box} type="search" aria-label="Search the shop" placeholder="Search 3,600 things   /" value={text} onInput={(e) => setText(e.currentTarget.value)} />
      </form>
      <a class="cart" href="#/cart" aria-label={`Basket, ${cart.length} in it`}>
        <span class="long">Basket</span> <b>{cart.length}</b>
      </a>
    </header>
  )
}

function ForYou() {
  const [{ home, customer }] = useShop()
  return (
    <section class="foryou" aria-labelledby="for-you">
      <div class="head">
        <h2 id="for-you">For you</h2>
        <span class="quiet">{customer ? `${customer.label} ${customer.text}` : 'changes with every click'}</span>
      </div>
      {home ? <Recommended list={home} layout="strip" label="For you" /> : <div class="strip ghost" />}
    </section>
  )
}

function App() {
  const [{ ready, problem, said, busy }] = useShop()
  const main = useRef<HTMLElement>(null)
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(e) => {
          e.preventDefault()
          main.current?.focus()
        }}
      >
        Skip to the shop
      </a>
      <Patterns />
      <Header />
      <div class="columns">
        <main id="main" tabIndex={-1} ref={main} aria-busy={busy}>
          {problem && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          {ready && (
            <>
              <ForYou />
              <Page />
            </>
          )}
          <footer class="quiet">
            Real orders of a British gift shop, 2010 to 2011: Online Retail, UCI Machine Learning Repository, CC BY 4.0. The pictures are drawn from the names.
          </footer>
        </main>
        {ready && <Panel />}
      </div>
      <Ledger />
      <p class="offstage" role="status" aria-live="polite" id="live">
        {said}
      </p>
    </>
  )
}

function id(): string {
  if (crypto.randomUUID) return crypto.randomUUID()
  // Outside a secure context (http and another host than localhost).
  const b = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('')
}

/** Storage may be refused: then the session lives as long as the page. */
function storage(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  try {
    localStorage.setItem('nb-demo-try', '1')
    localStorage.removeItem('nb-demo-try')
    return localStorage
  } catch {
    const kept = new Map<string, string>()
    return { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => void kept.set(k, v), removeItem: (k) => void kept.delete(k) }
  }
}

function start(): void {
  const client = new Client({
    key: 'pk_demo',
    store: storage(),
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    id,
    later: (fn, ms) => setTimeout(fn, ms),
    stored: (ids) => shop.stored(ids),
  })
  const shop = new Shop(client, (url) => fetch(url), () => Date.now())
  addEventListener('hashchange', () => {
    document.documentElement.dataset.moved = 'yes'
    scrollTo({ top: 0, behavior: 'instant' })
    void shop.go(location.hash)
  })
  const leave = () => void client.flush()
  addEventListener('pagehide', leave)
  document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && leave())
  render(
    <ShopContext.Provider value={shop}>
      <App />
    </ShopContext.Provider>,
    document.getElementById('shop')!,
  )
  void shop.open(location.hash)
}

start()
