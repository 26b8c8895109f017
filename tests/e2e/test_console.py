"""The console page in a real browser, on a desk and on a phone, light and dark.

With ROWCAST_SCREENSHOTS=FOLDER the pictures of the manual are made on the way.
"""

import os
import time
import unittest

from lib import servers
from lib.browser import DRIVER, Browser
from lib.case import EndToEnd
from lib.proxy import Proxy
from lib.task import PATIENCE
from lib.web import LISTEN, Web

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
for (const e of document.querySelectorAll("[src], link[href]")) { const u = e.src || e.href; if (!u.startsWith("data:")) found.push("from outside: " + u); }
return found;
"""


class Console(EndToEnd):
    seconds = 90

    def setUp(self):
        super().setUp()
        if DRIVER is None:
            self.skipTest("no chromedriver: the console was not looked at")
        self.server = servers.mysql()

    def picture(self, page, name):
        if PICTURES:
            page.screenshot(os.path.join(PICTURES, f"{name}.png"))

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
                self.assertEqual(page.run(COMPLAINTS), [])
                # a throttle
                page.type('[name="incremental.rows"]', "1234")
                page.click("#throttle button.first")
                page.wait_text("#told", "is set", 5 * PATIENCE)
                self.assertEqual(web.get("/api/v1/task/throttle")["incremental"]["rows"], 1234)
                web.throttle(incremental={"rows": 0})
                # pause and resume, by keyboard
                page.run("document.getElementById('pause').focus()")
                page.press("\ue007")
                page.wait_text("#state", "^paused$", 10 * PATIENCE)
                page.wait_text("#words", "paused", 5)
                page.run("document.getElementById('resume').focus()")
                page.press("\ue007")
                page.wait_text("#state", "^caught-up$", 15 * PATIENCE)
                # a failure, and its recovery
                proxy.refuse = True
                proxy.drop_all()
                page.wait_text("#state", "^retrying$", 10 * PATIENCE)
                page.wait_text("#cause", str(proxy.port), 5)
                page.wait_text("#advice", "What to do: Bring the source back", 5)
                page.wait_text("#retry-times", "source is away since .* given up", 5)
                page.wait_text("#errors", "source.lost", 5)
                self.picture(page, "console-retrying")
                self.assertEqual(page.run(COMPLAINTS), [])
                proxy.refuse = False
                page.click("#retry")
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
                self.picture(page, "console-phone")
                page.click("#resume")
                page.wait_text("#state", "^caught-up$", 15 * PATIENCE)
                self.assertEqual(page.complaints(), [])
            self.assertEqual(process.stop(), 0, process.tail())

    def test_a_copy_under_way(self):
        with Proxy(self.server.port) as proxy:
            c = self.create(self.server, "CREATE TABLE item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200))")
            c.run("INSERT INTO item (name) VALUES " + ",".join(f"('name {i}')" for i in range(400)))
            for _ in range(5):
                c.run("INSERT INTO item (name) SELECT name FROM item")
            c.run("ANALYZE TABLE item")
            task = self.task(self.server, source={"port": proxy.port}, http=LISTEN, phases=["full", "incremental"], full={"chunk_rows": 500}, throttle={"full": {"rows": 2000}})
            process = task.start()
            web = Web(process)
            with Browser(1400, 900) as page:
                page.open(web.url)
                page.wait_text("#state", "^copying$", 20 * PATIENCE)
                page.wait_text("#copy", rf"{self.database}.item \d+ %.* of about ", 15 * PATIENCE)
                page.wait_text("#copy tbody tr td:last-child", r"\d", 15 * PATIENCE)
                page.wait_text("#holding", "copy is held back", 5 * PATIENCE)
                self.assertEqual(page.run(COMPLAINTS), [])
                self.picture(page, "console-copying")
                page.type('[name="full.rows"]', "0")
                page.click("#throttle button.first")
                page.wait_text("#state", "^caught-up$", 30 * PATIENCE)
                page.wait_text("#copy", "done", 5)
                self.assertEqual(page.complaints(), [])
            self.assertEqual(process.stop(), 0, process.tail())
            self.assertEqual(len({m.key for m in self.messages()}), 12800)


if __name__ == "__main__":
    unittest.main()
