"""The console page in a real browser, on a desk and on a phone, light and dark.

With ROWCAST_SCREENSHOTS=FOLDER (absolute) the pictures of the manual are made on the way.
"""

import os
import signal
import time
import unittest

from lib import servers
from lib.browser import DRIVER, Browser
from lib.case import EndToEnd
from lib.proxy import Proxy
from lib.task import PATIENCE
from lib.web import LISTEN, Web

# Everything that the keyboard reaches, in its order.
FOCUSED = "const e = document.activeElement; return e === document.body ? '' : e.id || e.name || e.getAttribute('aria-labelledby') || e.tagName.toLowerCase() + ' ' + e.textContent.trim()"

PICTURES = os.environ.get("ROWCAST_SCREENSHOTS")

# Controls without a name, fields without a label, ids that stand twice, pictures without words.
COMPLAINTS = """
const found = [];
for (const e of document.querySelectorAll("button, summary")) if (!e.textContent.trim()) found.push("a button without a name");
for (const e of document.querySelectorAll("input")) if (!e.labels.length) found.push("no label: " + e.name);
for (const e of document.querySelectorAll("svg")) if (!e.getAttribute("aria-label")) found.push("no words: " + e.id);
for (const e of document.querySelectorAll("section")) if (!e.getAttribute("aria-labelledby") && !e.getAttribute("aria-label") && !e.querySelector("summary")) found.push("a section without a name");
const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push("twice: " + id);
for (const e of document.querySelectorAll("button")) { const b = e.getBoundingClientRect(); if (b.height && b.height < 44) found.push("too small to touch: " + e.textContent); }
if (document.documentElement.scrollWidth > innerWidth) found.push("wider than the window: " + document.documentElement.scrollWidth);
const light = c => { const [r, g, b] = c.match(/[\d.]+/g).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
for (const e of document.body.querySelectorAll("*")) {
  if (e.disabled || e.closest("svg, [hidden], dialog, thead, option, script") || !e.getClientRects().length || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  let under = e;
  while (under && getComputedStyle(under).backgroundColor === "rgba(0, 0, 0, 0)") under = under.parentElement;
  const a = light(getComputedStyle(e).color), b = light(getComputedStyle(under || document.body).backgroundColor), contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (contrast < 4.5) found.push("hard to read, " + contrast.toFixed(2) + ": " + e.textContent.trim().slice(0, 60));
  const box = e.getBoundingClientRect();
  if (box.right > innerWidth + 1 && !e.closest(".scroll")) found.push("sticks out: " + e.textContent.trim().slice(0, 60));
}
for (const e of document.querySelectorAll(".scroll")) if (innerWidth < 600 && e.scrollWidth > e.clientWidth + 1) found.push("to be moved sideways: " + e.textContent.slice(0, 60));
for (const e of document.querySelectorAll("[src], link[href]")) { const u = e.src || e.href; if (!u.startsWith("data:")) found.push("from outside: " + u); }
return found;
"""


class Console(EndToEnd):
    seconds = 90 if not PICTURES else 400

    def setUp(self):
        super().setUp()
        if DRIVER is None:
            self.skipTest("no chromedriver: the console was not looked at")
        self.server = servers.mysql()
        if PICTURES:
            self.name, self.database = "orders", "shop"

    def work(self, c, seconds):
        """Something to see in the pictures."""
        end, i = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            i += 1
            c.run(f"INSERT INTO item (name) VALUES ('name {i}'); UPDATE item SET name='another' WHERE id={1 + i % 300}; DELETE FROM item WHERE id={i // 2}")
            time.sleep(0.01 if i // 700 % 2 else 0.03)

    def picture(self, page, name, whole=True):
        if PICTURES:
            page.screenshot(os.path.join(PICTURES, f"{name}.png"), whole)

    def read_aloud(self, page):
        """What a screen reader is given: (role, name) of all that is not just text."""
        nodes = page.devtools("Accessibility.getFullAXTree", {})["nodes"]
        found = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
        return [(role, name) for role, name in found if role not in ("StaticText", "InlineTextBox", "none", "generic", "paragraph")]

    def assert_usable_without_eyes_or_mouse(self, page):
        found = self.read_aloud(page)
        for role, name in found:
            if role in ("button", "textbox", "region", "progressbar", "img", "image", "dialog", "DisclosureTriangle", "alert"):
                self.assertTrue(name.strip(), f"a {role} without a name")
        self.assertIn(("heading", self.name), found)
        self.assertIn(("heading", "Now"), found)
        self.assertIn("status", [role for role, _ in found])
        self.assertEqual([name for role, name in found if role in ("img", "image")][0][:4], "Now ", "pictures say their figures")
        page.run("document.activeElement.blur(); window.scrollTo(0, 0)")
        reached = []
        for _ in range(40):
            page.press("\ue004")
            at = page.run(FOCUSED)
            if not at or at in reached:
                break
            self.assertNotEqual(page.run("return getComputedStyle(document.activeElement).outlineStyle"), "none", f"{at} does not show that it has the focus")
            reached.append(at)
        wanted = ["pause", "stop", "topics-title", "tables-title", "incremental.rows", "incremental.bytes", "full.queries", "full.rows", "full.bytes", "button Set", "as-is", "summary Configuration in force"]
        self.assertEqual([x for x in reached if x in wanted], wanted, reached)

    def started(self, proxy, **keys):
        c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")
        task = self.task(self.server, source={"port": proxy.port}, http=LISTEN, environment="production", **keys)
        process = task.start()
        web = Web(process)
        return c, process, web

    def test_on_a_desk(self):
        with Proxy(self.server.port) as proxy:
            c, process, web = self.started(proxy)
            with Browser(1400, 900) as page:
                page.open(web.url)
                page.wait_text("#state", "^caught-up$", 20 * PATIENCE)
                c.run("INSERT INTO item (name) VALUES ('a'),('b'),('c')")
                page.wait_text("#done", "^3", 10 * PATIENCE)
                page.wait_text("#topics", self.name, 5)
                page.wait_text("#tables", f"{self.database}.item3", 5)
                page.wait_text("#durable", "gtid:", 5)
                page.wait_text("#rate-most", "^now", 10 * PATIENCE)
                self.assertEqual(page.run(COMPLAINTS), [])
                self.assert_usable_without_eyes_or_mouse(page)
                # a throttle
                page.type('[name="incremental.rows"]', "1234")
                page.type('[name="incremental.bytes"]', "2 MB")
                page.click("#throttle button.first")
                page.wait_text("#told", "is set", 5 * PATIENCE)
                set_to = web.get("/api/v1/task/throttle")["incremental"]
                self.assertEqual((set_to["rows"], set_to["bytes"]), (1234, 2 << 20))
                page.wait_value('[name="incremental.bytes"]', "^2 MB$", 5 * PATIENCE)
                web.throttle(incremental={"rows": 0, "bytes": 0})
                page.wait_value('[name="incremental.bytes"]', "^0$", 5 * PATIENCE)
                # pause and resume, by keyboard
                page.run("document.getElementById('pause').focus()")
                page.press("\ue007")
                page.wait_text("#state", "^paused$", 10 * PATIENCE)
                page.wait_text("#words", "paused", 5)
                page.run("document.getElementById('resume').focus()")
                page.press("\ue007")
                page.wait_text("#state", "^caught-up$", 15 * PATIENCE)
                # a failure, and its recovery
                if PICTURES:
                    self.work(c, 200)
                proxy.refuse = True
                proxy.drop_all()
                page.wait_text("#state", "^retrying$", 10 * PATIENCE)
                page.wait_text("#cause", str(proxy.port), 5)
                page.wait_text("#advice", "What to do: Bring the source back", 5)
                page.wait_text("#retry-times", "source is away since .* given up", 5)
                page.wait_text("#errors", "source.lost", 5)
                page.wait_text("#lag", r"^[1-9]", 10 * PATIENCE)
                self.picture(page, "console-retrying")
                self.assertEqual(page.run(COMPLAINTS), [])
                # While nobody lets it in: it is not to come back by itself just before the click.
                refused = proxy.refused
                page.click("#retry")
                servers.wait_for(lambda: proxy.refused > refused, 5 * PATIENCE, "another try")
                proxy.refuse = False
                page.wait_text("#state", "^caught-up$", 20 * PATIENCE)
                self.assertEqual(page.text("#cause"), "")
                # what it works with
                page.click("#config summary")
                page.wait_text("#config pre", f"task: {self.name}", 5)
                self.assertNotIn("rowcast-pw", page.run("return document.documentElement.outerHTML"))
                self.assertEqual(page.complaints(), [])
                # stopping asks first
                page.click("#stop")
                page.press("\ue007")
                time.sleep(0.5)
                self.assertTrue(process.alive())
                page.click("#stop")
                page.click('#sure [value="yes"]')
                self.assertEqual(process.wait(20), 0, process.tail())
                page.wait_text("#lost", "does not answer", 15)
                page.wait_text("#state", "no answer", 5)

    def test_on_a_phone(self):
        with Proxy(self.server.port) as proxy:
            c, process, web = self.started(proxy)
            with Browser(390, 844, dark=True) as page:
                page.open(web.url)
                page.wait_text("#state", "^caught-up$", 20 * PATIENCE)
                c.run("INSERT INTO item (name) VALUES ('<b>x</b>')")
                self.assertEqual(page.run(COMPLAINTS), [])
                self.assertEqual(page.run("return getComputedStyle(document.body).backgroundColor"), "rgb(18, 21, 27)")
                page.click("#pause")
                page.wait_text("#state", "^paused$", 10 * PATIENCE)
                page.wait_text("#lag", "not looked at while paused", 5)
                self.picture(page, "console-phone")
                page.click("#resume")
                page.wait_text("#state", "^caught-up$", 15 * PATIENCE)
                # a process that stands still: its last word is not left there as if it were so
                process.signal(signal.SIGSTOP)
                try:
                    page.wait_text("#state", "^no answer$", 10 * PATIENCE)
                    page.wait_text("#lost", "does not answer since", 5)
                finally:
                    process.signal(signal.SIGCONT)
                page.wait_text("#state", "^caught-up$", 15 * PATIENCE)
                self.assertEqual(page.text("#lost"), "")
                page.type('[name="full.rows"]', "77")
                page.click("#throttle button.first")
                page.wait_text("#told", "is set", 5 * PATIENCE)
                self.assertEqual(web.get("/api/v1/task/throttle")["full"]["rows"], 77)
                proxy.refuse = True
                proxy.drop_all()
                page.wait_text("#state", "^retrying$", 10 * PATIENCE)
                page.wait_text("#advice", "What to do: ", 5)
                page.wait_text("#retry-times", "source is away since", 5)
                self.assertEqual(page.run(COMPLAINTS), [])
                page.click("#retry")
                proxy.refuse = False
                page.wait_text("#state", "^caught-up$", 20 * PATIENCE)
                self.assertEqual(page.complaints(), [])
            self.assertEqual(process.stop(), 0, process.tail())

    def test_a_copy_under_way(self):
        with Proxy(self.server.port) as proxy:
            rows = {"customer": 400, "item": 12800, "orders": 3200}
            c = self.create(self.server, *(f"CREATE TABLE {t} (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))" for t in rows))
            for table, count in rows.items():
                c.run(f"INSERT INTO {table} (name) VALUES " + ",".join(f"('name {i}')" for i in range(400)))
                while count > 400:
                    c.run(f"INSERT INTO {table} (name) SELECT name FROM {table}")
                    count //= 2
            c.run("ANALYZE TABLE customer, item, orders")
            # So slow that it is under way for as long as a browser may take to come up.
            task = self.task(self.server, source={"port": proxy.port}, http=LISTEN, environment="production", phases=["full", "incremental"], full={"chunk_rows": 100}, throttle={"full": {"rows": 300}})
            process = task.start()
            web = Web(process)
            with Browser(1400, 900) as page:
                page.open(web.url)
                page.wait_text("#state", "^copying$", 20 * PATIENCE)
                row = "#copy tbody tr:nth-child(2)"
                page.wait_text(row, rf"^{self.database}.item \d+ %.* of about ", 15 * PATIENCE)
                page.wait_text(f"{row} td:last-child", r"\d", 15 * PATIENCE)
                page.wait_text("#holding", "copy is held back", 5 * PATIENCE)
                self.assertEqual(page.run("return document.querySelector('#now').nextElementSibling.id"), "copy", "what matters now comes first")
                page.wait_text("#copy-sum", r"^[01] of 3 tables, [\d,]+ of about [\d,]+ rows, about .* left$", 5 * PATIENCE)
                self.assertEqual(page.run(COMPLAINTS), [])
                if PICTURES:
                    time.sleep(20)
                self.picture(page, "console-copying")
                page.type('[name="full.rows"]', "0")
                page.click("#throttle button.first")
                page.wait_text("#told", "is set", 5 * PATIENCE)
                self.assertEqual(web.get("/api/v1/task/throttle")["full"]["rows"], 0, "nothing was put between the keys")
                page.wait_text("#state", "^caught-up$", 30 * PATIENCE)
                page.wait_text("#copy", "done", 5)
                page.wait_text("#copy-sum", "^All 3 tables are copied, 16,400 rows", 5)
                self.assertEqual(page.complaints(), [])
            self.assertEqual(process.stop(), 0, process.tail())
            self.assertEqual(len({m.key for m in self.messages()}), 16400)

    def test_a_precheck_that_fails(self):
        """Whoever watches sees all of it, though the process has ended: what stops the task first, each with what mends it."""
        with Proxy(self.server.port) as proxy:
            proxy.refuse = True
            self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))", "CREATE TABLE log (line TEXT)")
            objects = [{"table": f"{self.database}.item", "filter": "amount > 10"}, {"table": f"{self.database}.*"}]
            task = self.task(self.server, objects, source={"port": proxy.port}, http=LISTEN, environment="production", phases=["full", "incremental"], full={"keyless": "unlocked"}, destination={"create_topics": False, "acks": "1"})
            process = task.start()
            web = Web(process)
            with Browser(1400, 900) as page:
                page.open(web.url)
                page.wait_text("#state", "^(prechecking|retrying)$", 20 * PATIENCE)
                proxy.refuse = False
                self.assertEqual(process.wait(40), 3, process.tail())
                page.wait_text("#state", "^precheck-failed$", 10)
                page.wait_text("#lost", "^The task's process has ended.* mend what is named", 10)
                page.wait_text("#cause", "2 items of the precheck failed", 5)
                page.wait_text("#precheck-sum", "passed, [0-9]+ warnings?, 2 failed", 5)
                rows = page.run("return [...document.querySelectorAll('#precheck-news tbody tr')].map(tr => [...tr.cells].map(td => td.innerText))")
                results = [row[1] for row in rows]
                self.assertEqual(results, sorted(results), "failed comes before warning")
                found = {row[0].split("\n")[-1]: row for row in rows}
                self.assertLessEqual({"CHECK_TOPIC", "CHECK_EXPRESSION", "CHECK_KEY", "CHECK_ACKS", "CHECK_ROW_METADATA"}, set(found))
                self.assertIn("kafka-topics.sh --bootstrap-server", found["CHECK_TOPIC"][3])
                self.assertRegex(found["CHECK_KEY"][3], "^ALTER TABLE .*;\nBecause ")
                self.assertEqual(page.run("return document.querySelector('#now').nextElementSibling.id"), "precheck")
                for width, height, dark in ((1400, 900, False), (1400, 900, True), (390, 844, False), (390, 844, True)):
                    page.look(width, height, dark)
                    time.sleep(0.2)
                    self.assertEqual(page.run(COMPLAINTS), [], (width, dark))
                page.look(1400, 1070)
                self.picture(page, "console-precheck", whole=False)
                self.assertEqual([line for line in page.complaints() if "ERR_CONNECTION_REFUSED" not in line], [])


if __name__ == "__main__":
    unittest.main()
