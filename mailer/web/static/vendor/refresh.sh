#!/bin/sh
# Fetches the vendored front-end files at their pinned versions and writes VENDOR.json.
# Run by hand on an upgrade, with npm; the result is committed. htmx stays on 2.x on purpose:
# 4.x changed inheritance, events and configuration.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { # package version name file...
    package=$1 version=$2 name=$3
    shift 3
    archive=$(cd "$work" && npm pack --silent "$package@$version")
    rm -rf "$work/package" && tar -xzf "$work/$archive" -C "$work"
    target="$name-$version"
    mkdir -p "$target"
    for file in "$@"; do cp "$work/package/$file" "$target/"; done
    cp "$work/package/LICENSE" "$target/LICENSE"
}

fetch bootstrap 5.3.9 bootstrap dist/css/bootstrap.min.css
fetch htmx.org 2.0.11 htmx dist/htmx.min.js
fetch idiomorph 0.8.0 idiomorph dist/idiomorph-ext.min.js
fetch @fontsource-variable/inter 5.3.0 inter files/inter-latin-wght-normal.woff2

fetch lucide-static 1.62.0 lucide
{
    echo '<svg xmlns="http://www.w3.org/2000/svg"><!-- lucide-static 1.62.0, ISC licence -->'
    for icon in $(cat icons.txt); do
        printf '<symbol id="%s" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">' "$icon"
        sed -n '/^>/,/^<\/svg>/p' "$work/package/icons/$icon.svg" | sed -e '/^>/d' -e '/^<\/svg>/d' -e 's/^ *//' | tr -d '\n'
        echo '</symbol>'
    done
    echo '</svg>'
} > ../icons.svg

{
    echo '{'
    find . -type f -path './*-*/*' | sed 's|^\./||' | LC_ALL=C sort | while read -r file; do
        printf '  "%s": "%s",\n' "$file" "$(sha256sum "$file" | cut -d' ' -f1)"
    done | sed '$ s/,$//'
    echo '}'
} > VENDOR.json
