# SPDX-License-Identifier: LGPL-2.1-or-later
"""The site with all documents is built; its links lead somewhere, and its search finds.

usage: test-site.py SOURCE-DIRECTORY
"""

import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

from tap import Skip, expect, main

TOP = pathlib.Path(sys.argv[1])
BROWSERS = "chromium", "chromium-browser", "google-chrome"


class Links(html.parser.HTMLParser):
    """What a page refers to, and the places in it."""

    def __init__(self, path):
        super().__init__()
        self.refers, self.places = [], {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.places.add(value)
            if name in ("href", "src") and value:
                self.refers.append(value)


class Site:
    """The site, built once."""

    def __init__(self):
        self.dir = None

    def build(self):
        """The directory of its pages."""
        if not self.dir:
            for program in "sphinx-build", "mandoc":
                if not shutil.which(program):
                    raise Skip(f"no {program} here")
            self.dir = tempfile.TemporaryDirectory(prefix="eva-site-", dir="/tmp")
            done = subprocess.run([sys.executable, "-B", TOP / "doc/site/site.py", self.dir.name],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            expect(not done.returncode, done.stdout)
        return pathlib.Path(self.dir.name) / "html"


site = Site()


def links():
    """every link of the site leads to a page, and to a place in it"""
    top = site.build()
    pages = {path: Links(path) for path in top.rglob("*.html")}
    expect(len(pages) > 40, "only", len(pages), "pages")
    bad = []
    for path, page in pages.items():
        for reference in page.refers:
            url = urllib.parse.urlsplit(reference)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
            place = urllib.parse.unquote(url.fragment)
            if not target.exists() or target in pages and place not in pages[target].places:
                bad.append(f"{path.relative_to(top)}: {reference}")
    expect(not bad, *sorted(set(bad)))


def every_function():
    """every function of a header is on the page that its link leads to, and the search finds it"""
    top = site.build()
    index = (top / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(re.sub(r"^Search\.setIndex\(|\);?$", "", index)) \
        if index.startswith('Search.setIndex({"') else None
    text = " ".join(path.read_text(encoding="utf-8") for path in (top / "man").glob("*.html"))
    for header in (TOP / "include").glob("*.h"):
        for name in re.findall(r"^[a-z].*?\b((?:eva|assuan)_\w+) \(", header.read_text(), re.M):
            expect(f'id="{name}"' in text, name, "has no place")
            # The index has stems: `matches` is `match`, `copy` is `copi`.
            if index:
                expect(any(term.startswith(name[:-5]) for term in index["terms"]),
                       "the search does not know", name)


def browser():
    """a browser shows what the search finds"""
    top = site.build()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        raise Skip("no browser here")
    with tempfile.TemporaryDirectory(prefix="eva-browser-", dir="/tmp") as home:
        done = subprocess.run(
            [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}",
             "--virtual-time-budget=20000", "--dump-dom", f"file://{top}/search.html?q=eva_connect"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False, timeout=300,
            env={**os.environ, "HOME": home})
    expect("man/eva_connect.3.html" in done.stdout, "the search found:", done.stdout[-3000:])


main(links, every_function, browser)
