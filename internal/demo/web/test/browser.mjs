// Clicks through the page in a real browser against a running server.
//   node test/browser.mjs http://127.0.0.1:8080/ [screenshot.png]
// Exits 1 when something is not as it should be. CHROMIUM names the browser.
import { ok } from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const [base = 'http://127.0.0.1:8080/', picture] = process.argv.slice(2)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
const complaints = []

/** A fresh visitor on a page of its own; bypassCSP only for the audit's script. */
async function visit(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && complaints.push(m.text()))
  page.on('pageerror', (e) => complaints.push(String(e)))
  await page.goto(base)
  await page.locator('[data-placement=home] li').first().waitFor()
  return page
}

const ids = (page, placement) => page.locator(`[data-placement=${placement}] > li`).evaluateAll((l) => l.map((e) => e.dataset.key))
const blend = async (page) => Number(await page.locator('[data-blend]').getAttribute('data-blend'))
const events = async (page) => Number(await page.locator('[data-session-events]').getAttribute('data-session-events'))
const until = (page, what, fn, arg) => page.waitForFunction(fn, arg, { timeout: 5000 }).catch(() => ok(false, what))
const settled = (page) => page.locator('main[aria-busy=false]').waitFor()
const differs = (page, placement, before, what) =>
  until(page, what, ([p, b]) => [...document.querySelectorAll(`[data-placement=${p}] > li`)].map((e) => e.dataset.key).join() !== b, [placement, before.join()])

const tests = {
  async 'a click changes the list and moves the blend'() {
    const page = await visit()
    ok((await blend(page)) === 0, 'a new visitor has no session')
    const before = await ids(page, 'home')
    ok(before.length >= 6, `${before.length} items for a new visitor`)
    await page.locator('.page .tiles.grid a').nth(4).click()
    await page.locator('[data-placement=item] > li').first().waitFor()
    await differs(page, 'home', before, '“for you” did not change after a click')
    ok((await blend(page)) > 0, 'the blend did not move')
    ok((await page.locator('[data-placement=home] > li[data-move=new], [data-placement=home] > li[data-move=up]').count()) > 0, 'no arrow shows what moved')
    ok((await page.locator('#live').textContent()).includes('changed'), 'the change is not announced')
    ok((await page.locator('.events li[data-kind=view]').count()) === 1, 'the view is not in the log')
    const next = await ids(page, 'item')
    await page.locator('[data-placement=item] > li a').nth(2).click()
    await differs(page, 'item', next, '“next best” did not change')
    ok(!(await page.locator('.figures .bad').count()), 'the answer is degraded')
    await page.context().close()
  },

  async 'a reload keeps the session and the basket'() {
    const page = await visit()
    await page.locator('.page .tiles.grid a').nth(7).click()
    await page.getByRole('button', { name: 'Put in the basket' }).click()
    await until(page, 'the events were not stored', () => {
      const t = [...document.querySelectorAll('.events .tick')]
      return t.length >= 2 && t.every((e) => e.textContent === '✓')
    })
    await settled(page)
    const [n, list, b] = [await events(page), await ids(page, 'home'), await blend(page)]
    await page.reload()
    await page.locator('[data-placement=home] li').first().waitFor()
    ok((await events(page)) === n, `${await events(page)} events after the reload, ${n} before`)
    ok((await ids(page, 'home')).slice(0, 3).join() === list.slice(0, 3).join(), 'the list is another one after a reload')
    ok(Math.abs((await blend(page)) - b) < 0.05, 'the blend is another one after a reload')
    ok((await page.locator('.cart b').textContent()) === '1', 'the basket is empty after a reload')
    ok((await page.locator('.events li').count()) >= 2, 'the log is empty after a reload')
    await page.context().close()
  },

  async 'a customer gets another list, and clicks move the blend away from the past'() {
    const page = await visit()
    const stranger = await ids(page, 'home')
    await page.getByRole('radio').nth(2).check({ force: true })
    await differs(page, 'home', stranger, '“for you” is the same for a customer')
    await settled(page)
    ok((await blend(page)) < 0.2, 'the session speaks before the first click')
    const regular = await ids(page, 'home')
    await page.getByRole('radio').nth(4).check({ force: true })
    await differs(page, 'home', regular, 'two customers have one list')
    await page.locator('.page .tiles.grid a').nth(20).click()
    await page.locator('[data-placement=item] > li').first().waitFor()
    await settled(page)
    const b = await blend(page)
    ok(b > 0.1 && b < 1, `the blend is ${b} after one click of a customer`)
    await page.context().close()
  },

  async 'the slider overrides the blend and gives it back'() {
    const page = await visit()
    await page.getByRole('radio').nth(1).check({ force: true })
    await page.locator('.page .tiles.grid a').nth(3).click()
    await page.locator('[data-placement=item] > li').first().waitFor()
    await settled(page)
    const auto = await blend(page)
    await page.getByRole('slider').fill('5')
    await until(page, 'the slider did not reach the answer', () => Math.abs(Number(document.querySelector('[data-blend]').dataset.blend) - 0.05) < 0.011)
    const past = await ids(page, 'home')
    ok(!(await page.getByRole('switch').isChecked()), 'the switch still says auto')
    await page.getByRole('slider').fill('100')
    await differs(page, 'home', past, 'the list does not follow the slider')
    await page.getByRole('switch').check()
    await until(page, 'auto is not restored', (a) => Math.abs(Number(document.querySelector('[data-blend]').dataset.blend) - a) < 0.05, auto)
    await page.context().close()
  },

  async 'why this, and why not that'() {
    const page = await visit()
    await page.locator('.page .tiles.grid a').nth(4).click()
    await page.locator('[data-placement=item] > li').first().waitFor()
    await page.locator('[data-placement=item] .chip').first().click()
    await page.locator('dialog[open] table tbody tr').first().waitFor()
    await page.keyboard.press('Escape')
    await page.locator('dialog[open]').waitFor({ state: 'hidden' })
    await page.getByRole('combobox').fill('umbrella')
    await page.getByRole('option').first().waitFor()
    await page.keyboard.press('Enter')
    await page.locator('.found p').waitFor()
    const said = await page.locator('.found').textContent()
    ok(/dropped out at|is here, in place/.test(said), `why not: ${said}`)
    await page.context().close()
  },

  async 'search tells the server and ranks the hits'() {
    const page = await visit()
    await page.keyboard.press('/')
    await page.keyboard.type('lantern')
    await page.keyboard.press('Enter')
    await page.locator('[data-placement=search] > li').first().waitFor()
    ok((await page.locator('.events li[data-kind=search]').count()) === 1, 'the search is not in the log')
    const names = await page.locator('.page .tile .name').allTextContents()
    ok(names.length > 5, 'hardly any hits')
    await page.context().close()
  },

  async 'the keyboard alone is enough'() {
    const page = await visit()
    await page.keyboard.press('Tab')
    ok((await page.evaluate(() => document.activeElement.className)) === 'skip', 'the first stop is not the skip link')
    await page.keyboard.press('Enter')
    const reach = async (selector) => {
      for (let i = 0; i < 120; i++) {
        await page.keyboard.press('Tab')
        if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return
      }
      ok(false, `Tab does not reach ${selector}`)
    }
    await reach('[data-placement=home] a')
    ok(await page.evaluate(() => getComputedStyle(document.activeElement.closest('.tile')).outlineStyle !== 'none'), 'the focus cannot be seen')
    await page.keyboard.press('Enter')
    await page.locator('[data-placement=item] > li').first().waitFor()
    ok((await page.evaluate(() => document.activeElement.tagName)) === 'H1', 'the focus is not at the new page’s heading')
    await reach('.buttons .primary')
    await page.keyboard.press('Space')
    await until(page, 'Space does not fill the basket', () => document.querySelector('.cart b').textContent === '1')
    await reach('[data-placement=item] .chip')
    await page.keyboard.press('Enter')
    await page.locator('dialog[open]').waitFor()
    await page.keyboard.press('Escape')
    await reach('[name=who]')
    await page.keyboard.press('ArrowRight')
    await until(page, 'the arrows do not switch the customer', () => document.querySelectorAll('[name=who]')[1].checked)
    await page.context().close()
  },

  async 'a phone shows everything without scrolling sideways'() {
    const page = await visit({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true })
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    ok((await wide()) <= 0, `home is ${await wide()} px too wide`)
    await page.locator('.page .tiles.grid a').first().click()
    await page.locator('[data-placement=item] > li').first().waitFor()
    ok((await wide()) <= 0, `an item is ${await wide()} px too wide`)
    await page.getByRole('button', { name: /What just happened/ }).click()
    await page.locator('.blend').waitFor()
    ok((await wide()) <= 0, `the panel is ${await wide()} px too wide`)
    await page.context().close()
  },

  async 'axe finds nothing serious, light and dark'() {
    for (const colorScheme of ['light', 'dark']) {
      const page = await visit({ colorScheme, bypassCSP: true, reducedMotion: 'reduce' })
      await audit(page, `home, ${colorScheme}`)
      await page.getByRole('radio').nth(1).check({ force: true })
      await page.locator('.page .tiles.grid a').nth(4).click()
      await page.locator('[data-placement=item] > li').first().waitFor()
      await page.getByRole('button', { name: 'Put in the basket' }).click()
      await settled(page)
      await audit(page, `item, ${colorScheme}`)
      await page.locator('[data-placement=item] .chip').first().click()
      await page.locator('dialog[open] table').waitFor()
      await audit(page, `ledger, ${colorScheme}`)
      await page.keyboard.press('Escape')
      await page.locator('.cart').click()
      await page.locator('.basket').waitFor()
      await audit(page, `basket, ${colorScheme}`)
      await page.context().close()
    }
  },

  async 'the page loads nothing from elsewhere and nothing inline'() {
    const context = await browser.newContext()
    const page = await context.newPage()
    const foreign = []
    page.on('request', (r) => new URL(r.url()).origin !== new URL(base).origin && !r.url().startsWith('data:') && foreign.push(r.url()))
    page.on('console', (m) => /Content Security Policy/i.test(m.text()) && foreign.push(m.text()))
    const res = await page.goto(base)
    await page.locator('[data-placement=home] li').first().waitFor()
    ok(foreign.length === 0, foreign.join())
    ok(/script-src 'self'/.test(res.headers()['content-security-policy'] ?? ''), 'no content security policy')
    await context.close()
  },
}

async function audit(page, where) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
  ok(bad.length === 0, `${where}: ${bad.map((v) => `${v.id} ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).slice(0, 3).join(' | ')}`).join('; ')}`)
}

/** The picture for the docs: a customer, two clicks in, with the arrows. */
async function shoot(path) {
  const page = await visit({ colorScheme: 'light' })
  await page.getByRole('radio').nth(5).check({ force: true })
  await settled(page)
  await page.goto(new URL('#/item/22423', base).href)
  await page.locator('[data-placement=item] > li').first().waitFor()
  await settled(page)
  await page.locator('[data-placement=item] > li a').nth(3).click()
  await until(page, 'no arrow to show', () => document.querySelector('[data-placement=item] > li[data-move=up]'))
  await until(page, 'no tick to show', () => [...document.querySelectorAll('.events .tick')].every((e) => e.textContent === '✓'))
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map((a) => a.finished)))
  await page.mouse.move(0, 0)
  await page.screenshot({ path })
  const { size } = statSync(path)
  ok(size <= 400 * 1024, `the picture is ${size} bytes`)
  await page.context().close()
}

let failed = 0
let passed = 0
for (const [name, test] of Object.entries({ ...tests, ...(picture ? { 'the picture for the docs': () => shoot(picture) } : {}) })) {
  try {
    await test()
    passed++
    console.log(`ok   ${name}`)
  } catch (e) {
    failed++
    console.log(`FAIL ${name}\n     ${String(e.message).split('\n').slice(0, 6).join('\n     ')}`)
  }
}
if (complaints.length) {
  failed++
  console.log(`FAIL the console stays clean\n     ${[...new Set(complaints)].join('\n     ')}`)
} else {
  passed++
  console.log('ok   the console stays clean')
}
await browser.close()
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
