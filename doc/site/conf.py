# SPDX-License-Identifier: LGPL-2.1-or-later
# Sphinx's settings for the site that site.py makes.

project = "evassuan"
author = "the evassuan project"
project_copyright = "the evassuan project"
html_title = "evassuan"
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["man.css"]
html_css_files = ["man.css"]
templates_path = []
extensions = ["myst_parser"]
myst_heading_anchors = 4
root_doc = "index"
