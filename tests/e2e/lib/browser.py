"""A headless Chromium, driven through chromedriver (WebDriver, plain HTTP).

    with Browser(width=390, height=844) as page:
        page.open(url)
        page.wait_text("#state", "caught-up", 10)
        page.click("#pause")
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

from .servers import SLACK

DRIVER = shutil.which("chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name that the standard gives to references


class Browser:
    def __init__(self, width, height, dark=False):
        self.process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        port = None
        while port is None:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("chromedriver ended before it listened")
            found = re.search(r"started successfully on port (\d+)", line)
            port = found and int(found.group(1))
        self.base = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--disable-gpu", "--no-first-run", "--hide-scrollbars", f"--window-size={max(width, 500)},{height}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # it has none for root
        if dark:
            arguments.append("--force-dark-mode")
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": {"args": arguments}}}})
        self.session = f"/session/{answer['sessionId']}"
        self.look(width, height, dark)

    def look(self, width, height, dark=False):
        """The window cannot be as narrow as a phone; the page can."""
        self.devtools("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.devtools("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def call(self, method, path, body=None):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{method} {path}: {json.load(e)['value']['message'].splitlines()[0]}") from None

    def devtools(self, command, parameters):
        return self.call("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        self.call("POST", f"{self.session}/url", {"url": url})

    def run(self, script, *arguments):
        """The value that a function's body returns."""
        return self.call("POST", f"{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def element(self, selector):
        found = self.call("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        return f"{self.session}/element/{found[ELEMENT]}"

    def click(self, selector):
        self.call("POST", f"{self.element(selector)}/click")

    def type(self, selector, text):
        element = self.element(selector)
        self.call("POST", f"{element}/clear")
        self.call("POST", f"{element}/value", {"text": text})

    def press(self, keys):
        """Keys to whatever has the focus: "\\ue004" is Tab, "\\ue007" Enter."""
        actions = [a for key in keys for a in ({"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})]
        self.call("POST", f"{self.session}/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]); return e ? e.textContent : ''", selector)

    def wait_text(self, selector, pattern, seconds):
        text, end = "", time.monotonic() + seconds * SLACK
        while time.monotonic() < end:
            text = self.text(selector)
            if re.search(pattern, text):
                return text
            time.sleep(0.05)
        raise AssertionError(f"{selector} is {text!r} and not {pattern!r} after {seconds * SLACK} s")

    def wait_value(self, selector, pattern, seconds):
        """The same of what stands in a field."""
        value, end = "", time.monotonic() + seconds * SLACK
        while time.monotonic() < end:
            value = self.run("return document.querySelector(arguments[0]).value", selector)
            if re.search(pattern, value):
                return value
            time.sleep(0.05)
        raise AssertionError(f"{selector} holds {value!r} and not {pattern!r} after {seconds * SLACK} s")

    def complaints(self):
        """What the page's scripts have complained about."""
        lines = self.call("POST", f"{self.session}/se/log", {"type": "browser"})
        return [line["message"] for line in lines if line["level"] == "SEVERE"]

    def screenshot(self, path, whole=True):
        picture = self.devtools("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        with open(path, "wb") as f:
            f.write(base64.b64decode(picture["data"]))

    def close(self):
        try:
            self.call("DELETE", self.session)
        except (AssertionError, OSError):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
