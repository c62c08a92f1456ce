# SPDX-License-Identifier: LGPL-2.1-or-later
# median.awk - functions for the tables: medians, and numbers with commas.

function sort(x, n,    i, j, t) {
  for (i = 2; i <= n; i++)
    for (j = i; j > 1 && x[j - 1] > x[j]; j--) { t = x[j]; x[j] = x[j - 1]; x[j - 1] = t }
}

# Sorts the N numbers in X along the way.
function median(x, n) {
  sort(x, n)
  return n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
}

function show(value,    text, groups) {
  text = sprintf("%.0f", value)
  while (length(text) > 3) {
    groups = "," substr(text, length(text) - 2) groups
    text = substr(text, 1, length(text) - 3)
  }
  return text groups
}
